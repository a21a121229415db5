import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { join16 } from './flite.ts'
import { type Constant, onnxFile, type Operation, type Port } from './onnx.ts'

/**
 * Models of some kilobytes in the form of those that people download: recognisers that "hear" tones as pieces of words (a
 * streaming zipformer transducer, offline transducers of icefall and NeMo, SenseVoice), and a speaker model whose vectors
 * are mean spectra.
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

/**
 * The places in a frame of features, of 80, in which the tones of the tokens are where the mel scale is another one, which
 * ends at 8000 Hz: that of `slaney` for NeMo, else that of HTK from 20 Hz.
 */
function otherBins(scale: 'htk' | 'slaney'): number[] {
  const mel = (hertz: number): number => {
    if (scale === 'htk') return 1127 * Math.log(1 + hertz / 700)
    return hertz < 1000 ? (hertz * 3) / 200 : 15 + (27 * Math.log(hertz / 1000)) / Math.log(6.4)
  }
  const [low, high] = scale === 'htk' ? [mel(20), mel(8000)] : [0, mel(7600)]
  return tokenBins.map((bin) => Math.round(((mel(binFrequency(bin)) - low) / (high - low)) * 81 - 1))
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

/** Two tones at once: the second is a little less loud by `decibels`. */
export function twoTones(loud: string, less: string, ms: number, decibels: number): Int16Array {
  const [one, other] = [tokenTone(loud, ms), tokenTone(less, ms)]
  return one.map((sample, at) => (sample + other[at]! * 10 ** (-decibels / 20)) / 2)
}

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

/** Forbids the token that was said last, and its rival, so that a tone is one token however long it is. */
function forbidden(last: string | undefined, next: string | undefined, hasRivals: boolean): number {
  if (last === undefined || next === undefined) return 0
  return last === next || (hasRivals && rivals.includes(last) && rivals.includes(next)) ? -100 : 0
}

/** Tokens of the offline transducers of which only one can be heard at a time. */
export const rivals = ['▁WORLD', '▁GOOD']

function decoder(hasRivals = false): Buffer {
  const symbols = [undefined, ...tinyTokens]
  const table = symbols.flatMap((last) => symbols.map((next) => forbidden(last, next, hasRivals)))
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

/** Writes an offline transducer of icefall into a new folder. Each frame of it is 40 ms. */
export function writeTinyTransducer(folder: string): void {
  const encoder = onnxFile({
    inputs: [
      { name: 'x', type: 'float', shape: ['N', 'T', 80] },
      { name: 'x_lens', type: 'int64', shape: ['N'] },
    ],
    outputs: [
      { name: 'encoder_out', type: 'float', shape: ['N', 'S', vocabulary] },
      { name: 'encoder_out_lens', type: 'int64', shape: ['N'] },
    ],
    constants: [
      {
        name: 'weights',
        type: 'float',
        shape: [80, vocabulary],
        values: oneHot(80, [undefined, ...tokenBins]),
      },
      { name: 'blank', type: 'float', shape: [vocabulary], values: [loud, ...tinyTokens.map(() => 0)] },
      ...everyFrames(4),
    ],
    operations: [
      { type: 'Slice', inputs: ['x', 'from', 'to', 'axis', 'step'], outputs: ['frames'] },
      { type: 'MatMul', inputs: ['frames', 'weights'], outputs: ['energies'] },
      { type: 'Add', inputs: ['energies', 'blank'], outputs: ['encoder_out'] },
      { type: 'Add', inputs: ['x_lens', 'round'], outputs: ['rounded'] },
      { type: 'Div', inputs: ['rounded', 'step'], outputs: ['encoder_out_lens'] },
    ],
    metadata: { model_type: 'zipformer2', version: 1, comment: 'a test' },
  })
  writeFolder(folder, {
    'encoder-epoch-99-avg-1.int8.onnx': encoder,
    'decoder-epoch-99-avg-1.onnx': decoder(true),
    'joiner-epoch-99-avg-1.int8.onnx': joiner(),
    'tokens.txt': numbered(['<blk>', ...tinyTokens]),
  })
}

/** Writes an offline TDT transducer of NeMo into a new folder. Each frame of it is 80 ms; the blank is the last token. */
export function writeTinyNemo(folder: string): void {
  const durations = [-5, 5, -5]
  const encoder = onnxFile({
    inputs: [
      { name: 'audio_signal', type: 'float', shape: ['N', 80, 'T'] },
      { name: 'length', type: 'int64', shape: ['N'] },
    ],
    outputs: [
      { name: 'outputs', type: 'float', shape: ['N', vocabulary, 'S'] },
      { name: 'encoded_lengths', type: 'int64', shape: ['N'] },
    ],
    constants: [
      {
        name: 'weights',
        type: 'float',
        shape: [80, vocabulary],
        values: oneHot(80, [...otherBins('slaney'), undefined]),
      },
      // The filters of this scale are as low as they are wide.
      { name: 'blank', type: 'float', shape: [vocabulary], values: [...tinyTokens.map(() => 0), loud - 5] },
      ...everyFrames(8),
    ],
    operations: [
      { type: 'Transpose', inputs: ['audio_signal'], outputs: ['x'], attributes: { perm: [0, 2, 1] } },
      { type: 'Slice', inputs: ['x', 'from', 'to', 'axis', 'step'], outputs: ['frames'] },
      { type: 'MatMul', inputs: ['frames', 'weights'], outputs: ['energies'] },
      { type: 'Add', inputs: ['energies', 'blank'], outputs: ['logits'] },
      { type: 'Transpose', inputs: ['logits'], outputs: ['outputs'], attributes: { perm: [0, 2, 1] } },
      { type: 'Add', inputs: ['length', 'round'], outputs: ['rounded'] },
      { type: 'Div', inputs: ['rounded', 'step'], outputs: ['encoded_lengths'] },
    ],
    metadata: {
      model_type: 'EncDecRNNTBPEModel',
      url: 'https://example.com/tiny-tdt',
      vocab_size: tinyTokens.length,
      subsampling_factor: 8,
      normalize_type: '',
      pred_rnn_layers: 1,
      pred_hidden: 2,
    },
  })
  const states = ['1', '2'].map((name) => ({ name: `states.${name}`, type: 'float' as const, shape: [1, 'N', 2] }))
  const symbols = [...tinyTokens, undefined]
  const decoder = onnxFile({
    inputs: [
      { name: 'targets', type: 'int32', shape: ['N', 1] },
      { name: 'target_length', type: 'int32', shape: ['N'] },
      ...states,
    ],
    outputs: [
      { name: 'outputs', type: 'float', shape: ['N', vocabulary, 1] },
      { name: 'prednet_lengths', type: 'int32', shape: ['N'] },
      ...states.map((state) => ({ ...state, name: `next.${state.name}` })),
    ],
    constants: [
      {
        name: 'table',
        type: 'float',
        shape: [vocabulary, vocabulary],
        values: symbols.flatMap((last) => symbols.map((next) => forbidden(last, next, true))),
      },
    ],
    operations: [
      { type: 'Gather', inputs: ['table', 'targets'], outputs: ['rows'], attributes: { axis: 0 } },
      { type: 'Transpose', inputs: ['rows'], outputs: ['outputs'], attributes: { perm: [0, 2, 1] } },
      { type: 'Identity', inputs: ['target_length'], outputs: ['prednet_lengths'] },
      ...states.map(({ name }): Operation => ({ type: 'Identity', inputs: [name], outputs: [`next.${name}`] })),
    ],
    metadata: {},
  })
  const joiner = onnxFile({
    inputs: ['encoder_outputs', 'decoder_outputs'].map((name) => ({
      name,
      type: 'float',
      shape: ['N', vocabulary, 1],
    })),
    outputs: [{ name: 'outputs', type: 'float', shape: ['N', 1, vocabulary + durations.length] }],
    constants: [{ name: 'durations', type: 'float', shape: [1, 1, durations.length], values: durations }],
    operations: [
      { type: 'Add', inputs: ['encoder_outputs', 'decoder_outputs'], outputs: ['sum'] },
      { type: 'Transpose', inputs: ['sum'], outputs: ['tokens'], attributes: { perm: [0, 2, 1] } },
      { type: 'Concat', inputs: ['tokens', 'durations'], outputs: ['outputs'], attributes: { axis: 2 } },
    ],
    metadata: {},
  })
  writeFolder(folder, {
    'encoder.int8.onnx': encoder,
    'decoder.onnx': decoder,
    'joiner.int8.onnx': joiner,
    'tokens.txt': numbered([...tinyTokens, '<blk>']),
  })
}

/** Numbers that SenseVoice gives its languages. */
const senseVoiceLanguages = { auto: 0, zh: 3, en: 4, yue: 7, ja: 11, ko: 12 }

/**
 * Writes a SenseVoice into a new folder: each frame is of seven frames of features, one begins every 60 ms. It takes
 * everything for Chinese unless it is told the language.
 */
export function writeTinySenseVoice(folder: string): void {
  const tags = ['<|zh|>', '<|en|>', '<|yue|>', '<|ja|>', '<|ko|>', '<|NEUTRAL|>', '<|Speech|>', '<|withitn|>']
  const symbols = ['<unk>', ...tinyTokens, ...tags]
  const size = symbols.length
  const sure = (symbol: string): number[] => symbols.map((other) => (other === symbol ? 100 : 0))
  const languages = Array.from({ length: 16 }, (_, number) => {
    const found = Object.entries(senseVoiceLanguages).find(([name, id]) => id === number && name !== 'auto')
    return sure(`<|${found?.[0] ?? 'zh'}|>`)
  })
  // The middle one of the seven.
  const bins = otherBins('htk').map((bin) => 3 * 80 + bin)
  const numbers = (value: number): string => Array.from({ length: 560 }, () => value).join(',')
  const model = onnxFile({
    inputs: [
      { name: 'x', type: 'float', shape: ['N', 'T', 560] },
      ...['x_length', 'language', 'text_norm'].map((name) => ({ name, type: 'int32' as const, shape: ['N'] })),
    ],
    outputs: [{ name: 'logits', type: 'float', shape: ['N', 'S', size] }],
    constants: [
      {
        name: 'weights',
        type: 'float',
        shape: [560, size],
        values: oneHot(560, [undefined, ...bins, ...tags.map(() => undefined)]),
      },
      // Its samples go to 32768.
      { name: 'blank', type: 'float', shape: [size], values: symbols.map((_, at) => (at === 0 ? loud + 20 : 0)) },
      { name: 'languages', type: 'float', shape: [16, size], values: languages.flat() },
      { name: 'others', type: 'float', shape: [1, 3, size], values: tags.slice(5).flatMap(sure) },
      { name: 'axis', type: 'int64', shape: [1], values: [1] },
    ],
    operations: [
      { type: 'MatMul', inputs: ['x', 'weights'], outputs: ['energies'] },
      { type: 'Add', inputs: ['energies', 'blank'], outputs: ['speech'] },
      { type: 'Gather', inputs: ['languages', 'language'], outputs: ['row'], attributes: { axis: 0 } },
      { type: 'Unsqueeze', inputs: ['row', 'axis'], outputs: ['first'] },
      { type: 'Concat', inputs: ['first', 'others', 'speech'], outputs: ['logits'], attributes: { axis: 1 } },
    ],
    metadata: {
      model_type: 'sense_voice_ctc',
      vocab_size: size,
      lfr_window_size: 7,
      lfr_window_shift: 6,
      normalize_samples: 0,
      with_itn: 14,
      without_itn: 15,
      neg_mean: numbers(0),
      inv_stddev: numbers(1),
      ...Object.fromEntries(Object.entries(senseVoiceLanguages).map(([name, id]) => [`lang_${name}`, id])),
    },
  })
  writeFolder(folder, { 'model.int8.onnx': model, 'tokens.txt': numbered(symbols) })
}

function writeFolder(folder: string, files: Readonly<Record<string, Buffer | string>>): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data)
}

/** The text of a `tokens.txt`. */
function numbered(symbols: readonly string[]): string {
  return symbols.map((symbol, index) => `${symbol} ${index}\n`).join('')
}

/** A matrix with a column for each place, 1 in the row of that place. */
function oneHot(rows: number, places: readonly (number | undefined)[]): number[] {
  return Array.from({ length: rows }, (_, row) => places.map((place) => (place === row ? 1 : 0))).flat()
}

/** Inputs of a Slice that takes every `step`th frame, and of a division that rounds up. */
function everyFrames(step: number): Constant[] {
  const values = { from: 0, to: 1 << 30, axis: 1, step, round: step - 1 }
  return Object.entries(values).map(([name, value]) => ({ name, type: 'int64', shape: [1], values: [value] }))
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

/** "hello world bye" in the tones of their tokens, from 500 ms on. */
export function helloWorldBye(): Int16Array {
  return join16([
    tokenTone(undefined, 500),
    tokenTone('▁HEL', 200),
    tokenTone('LO', 200),
    tokenTone(undefined, 300),
    tokenTone('▁WORLD', 300),
    tokenTone(undefined, 200),
    tokenTone('▁BY', 300),
    tokenTone('E', 300),
    tokenTone(undefined, 100),
  ])
}
