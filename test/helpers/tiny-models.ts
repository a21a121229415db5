import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onnxFile, type Operation, type Port } from './onnx.ts'

/**
 * Models of some kilobytes in the form of those that people download: a streaming zipformer transducer that "hears"
 * tones as pieces of words, and a speaker model whose vectors are mean spectra.
 */

/** Pieces of words the tiny recogniser knows, in the order of their tones. */
export const tinyTokens = ['▁HEL', 'LO', '▁WORLD', '▁GOOD', '▁BY', 'E']

/** Mel bins, of 80, in which the recogniser listens for each token. */
const tokenBins = tinyTokens.map((_, index) => 20 + index * 10)

/** Where the middles of the 80 mel bins lie, from 20 Hz to 7600 Hz, in Hz. */
function binFrequency(bin: number): number {
  const mel = (hertz: number): number => 1127 * Math.log(1 + hertz / 700)
  const [low, high] = [mel(20), mel(7600)]
  return 700 * (Math.exp((low + ((bin + 1) * (high - low)) / 81) / 1127) - 1)
}

/** Log energy that a bin must have for its token to be heard. */
const loud = 2

/** Samples of `ms` milliseconds at 16 kHz: the tone of a token, or silence for `undefined`. */
export function tokenTone(token: string | undefined, ms: number): Int16Array {
  const samples = new Int16Array(ms * 16)
  if (token === undefined) return samples
  const frequency = binFrequency(tokenBins[tinyTokens.indexOf(token)]!)
  return samples.map((_, at) => 12_000 * Math.sin((2 * Math.PI * frequency * at) / 16_000))
}

const vocabulary = tinyTokens.length + 1
/** The sizes of the encoder's one layer. */
const sizes = { dim: 8, queryHead: 4, valueHead: 4, heads: 1, kernel: 3, left: 4 }

/** Writes a recogniser into a new folder, with the names that a downloaded one has. */
export function writeTinyRecogniser(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const write = (name: string, data: Buffer | string): void => writeFileSync(join(folder, name), data)
  write('encoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx', encoder())
  write('decoder-epoch-99-avg-1-chunk-16-left-128.onnx', decoder())
  write('joiner-epoch-99-avg-1-chunk-16-left-128.onnx', joiner())
  write('tokens.txt', ['<blk>', ...tinyTokens].map((token, index) => `${token} ${index}\n`).join(''))
}

/** Every fourth frame of the features goes into one logit a token; the states pass through. */
function encoder(): Buffer {
  const { dim, queryHead, valueHead, heads, kernel, left } = sizes
  const states: Port[] = [
    { name: 'cached_key_0', type: 'float', shape: [left, 'N', queryHead * heads] },
    { name: 'cached_nonlin_attn_0', type: 'float', shape: [1, 'N', left, (3 * dim) / 4] },
    { name: 'cached_val1_0', type: 'float', shape: [left, 'N', valueHead * heads] },
    { name: 'cached_val2_0', type: 'float', shape: [left, 'N', valueHead * heads] },
    { name: 'cached_conv1_0', type: 'float', shape: ['N', dim, Math.floor(kernel / 2)] },
    { name: 'cached_conv2_0', type: 'float', shape: ['N', dim, Math.floor(kernel / 2)] },
    { name: 'embed_states', type: 'float', shape: ['N', 128, 3, 19] },
    { name: 'processed_lens', type: 'int64', shape: ['N'] },
  ]
  const weights = Array.from({ length: 80 * vocabulary }, (_, at) =>
    tokenBins[(at % vocabulary) - 1] === Math.floor(at / vocabulary) ? 1 : 0,
  )
  return onnxFile({
    inputs: [{ name: 'x', type: 'float', shape: ['N', 45, 80] }, ...states],
    outputs: [
      { name: 'encoder_out', type: 'float', shape: ['N', 8, vocabulary] },
      ...states.map((state) => ({ ...state, name: `new_${state.name}` })),
    ],
    constants: [
      { name: 'weights', type: 'float', shape: [80, vocabulary], values: weights },
      {
        name: 'blank',
        type: 'float',
        shape: [vocabulary],
        values: [loud, ...tinyTokens.map(() => 0)],
      },
      ...[
        ['from', 0],
        ['to', 32],
        ['axis', 1],
        ['step', 4],
      ].map(([name, value]) => ({ name: String(name), type: 'int64' as const, shape: [1], values: [Number(value)] })),
    ],
    operations: [
      { type: 'Slice', inputs: ['x', 'from', 'to', 'axis', 'step'], outputs: ['frames'] },
      { type: 'MatMul', inputs: ['frames', 'weights'], outputs: ['energies'] },
      { type: 'Add', inputs: ['energies', 'blank'], outputs: ['encoder_out'] },
      ...states.map(({ name }): Operation => ({ type: 'Identity', inputs: [name], outputs: [`new_${name}`] })),
    ],
    metadata: {
      model_type: 'zipformer2',
      version: 1,
      T: 45,
      decode_chunk_len: 32,
      encoder_dims: dim,
      query_head_dims: queryHead,
      value_head_dims: valueHead,
      num_heads: heads,
      num_encoder_layers: 1,
      cnn_module_kernels: kernel,
      left_context_len: left,
    },
  })
}

/** Forbids the token that was said last, so that a tone is one token however long it is. */
function decoder(): Buffer {
  const table = Array.from({ length: vocabulary ** 2 }, (_, at) => {
    const [last, next] = [Math.floor(at / vocabulary), at % vocabulary]
    return last === next && last > 0 ? -100 : 0
  })
  return onnxFile({
    inputs: [{ name: 'y', type: 'int64', shape: ['N', 2] }],
    outputs: [{ name: 'decoder_out', type: 'float', shape: ['N', vocabulary] }],
    constants: [
      { name: 'table', type: 'float', shape: [vocabulary, vocabulary], values: table },
      { name: 'last', type: 'int64', shape: [], values: [1] },
    ],
    operations: [
      { type: 'Gather', inputs: ['y', 'last'], outputs: ['token'], attributes: { axis: 1 } },
      { type: 'Gather', inputs: ['table', 'token'], outputs: ['decoder_out'], attributes: { axis: 0 } },
    ],
    metadata: { vocab_size: vocabulary, context_size: 2 },
  })
}

function joiner(): Buffer {
  const shape = ['N', vocabulary]
  return onnxFile({
    inputs: [
      { name: 'encoder_out', type: 'float', shape },
      { name: 'decoder_out', type: 'float', shape },
    ],
    outputs: [{ name: 'logit', type: 'float', shape }],
    constants: [],
    operations: [{ type: 'Add', inputs: ['encoder_out', 'decoder_out'], outputs: ['logit'] }],
    metadata: { joiner_dim: vocabulary },
  })
}

/** A speaker model: the mean of the features above the floor of silence. `metadata` changes what it says of itself. */
export function tinySpeakerModel(metadata: Record<string, string | number> = {}): Buffer {
  return onnxFile({
    inputs: [{ name: 'x', type: 'float', shape: ['N', 'T', 80] }],
    outputs: [{ name: 'embedding', type: 'float', shape: ['N', 80] }],
    constants: [{ name: 'floor', type: 'float', shape: [1], values: [16] }],
    operations: [
      { type: 'Add', inputs: ['x', 'floor'], outputs: ['above'] },
      { type: 'ReduceMean', inputs: ['above'], outputs: ['embedding'], attributes: { axes: [1], keepdims: 0 } },
    ],
    metadata: {
      framework: 'wespeaker',
      language: 'English',
      output_dim: 80,
      sample_rate: 16_000,
      normalize_samples: 1,
      ...metadata,
    },
  })
}
