/**
 * Measures a folder of models as `packages/diarize-stream-model-en-tiny` holds them, through sherpa-onnx-node:
 *
 *     node scripts/make-models/evaluate.mjs words MODELS SPEECH [--threads 2] [--language en]
 *     node scripts/make-models/evaluate.mjs voices MODELS SPEECH [--threads 2]
 *
 * `words`: SPEECH has `refs.tsv` (a file's name, a tab, its text), clips anywhere below, and conversations with exact
 * times, `NAME.wav` beside `NAME.words.json` (`{ text, start, end }`, in ms). Prints word error rates, how far the starts
 * of words lie from the truth, and the time taken.
 *
 * `voices`: SPEECH has one folder a speaker. Prints equal error rates over all pairs of utterances, whole and cut to
 * their middle.
 *
 * FFmpeg must be on the PATH: it decodes the clips.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import sherpa from 'sherpa-onnx-node'

/** Samples a second of all audio here. */
const rate = 16_000
/** Seconds of audio kept before and after what the VAD calls speech. */
const margin = 0.2
/** Most seconds of one decode: Whisper hears no more than 30. */
const longest = 29

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { threads: { type: 'string', default: '2' }, language: { type: 'string', default: 'en' } },
})
const [what, models, speech] = positionals
if (!['words', 'voices'].includes(what) || models === undefined || speech === undefined) {
  console.error('usage: node evaluate.mjs words|voices MODELS SPEECH [--threads 2] [--language en]')
  process.exit(2)
}
const numThreads = Number(values.threads)

/** The paths of all files below a folder. */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted()
}

/** The samples of a file, mono, ±1. */
function decode(file) {
  const format = ['-ac', '1', '-ar', `${rate}`, '-f', 'f32le', '-']
  const bytes = execFileSync('ffmpeg', ['-v', 'error', '-i', file, ...format], { maxBuffer: 1 << 30 })
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`

/** The value that a share of sorted numbers stay below. */
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]

// --------------------------------------------------------------------------------------------------------------------
// Words

/** Words in lower case, without punctuation. */
function plainWords(text) {
  const same = { mr: 'mister', mrs: 'missus', ok: 'okay' }
  return text
    .toLowerCase()
    .replaceAll('’', "'")
    .split(/[\s–—-]+/)
    .map((word) => word.replace(/[^\p{L}\p{M}\p{N}']/gu, ''))
    .filter((word) => word !== '')
    .map((word) => same[word] ?? word)
}

/** The fewest edits that make `heard` of `said`, and the pairs of indexes of words that are the same. */
function compare(said, heard) {
  const cost = [Array.from({ length: heard.length + 1 }, (_, column) => column)]
  for (const [row, word] of said.entries()) {
    const line = [row + 1]
    for (const [column, other] of heard.entries()) {
      line.push(Math.min(cost[row][column] + (word === other ? 0 : 1), cost[row][column + 1] + 1, line[column] + 1))
    }
    cost.push(line)
  }
  const pairs = []
  for (let row = said.length, column = heard.length; row > 0 && column > 0;) {
    const same = said[row - 1] === heard[column - 1]
    if (cost[row][column] === cost[row - 1][column - 1] + (same ? 0 : 1)) {
      row--
      column--
      if (same) pairs.unshift([row, column])
    } else if (cost[row][column] === cost[row - 1][column] + 1) row--
    else column--
  }
  return { edits: cost[said.length][heard.length], pairs }
}

function makeListener() {
  const file = (name) => path.join(models, name)
  const sileroVad = {
    model: file('silero_vad.onnx'),
    threshold: 0.5,
    minSilenceDuration: 0.4,
    minSpeechDuration: 0.1,
    maxSpeechDuration: 28,
    windowSize: 512,
  }
  const whisper = {
    encoder: file('encoder.int8.onnx'),
    decoder: file('decoder.int8.onnx'),
    language: values.language,
    task: 'transcribe',
    tailPaddings: -1,
    enableTokenTimestamps: 1,
  }
  const modelConfig = { whisper, tokens: file('tokens.txt'), numThreads, provider: 'cpu', debug: 0 }
  const recogniser = new sherpa.OfflineRecognizer({ featConfig: { sampleRate: rate, featureDim: 80 }, modelConfig })

  /** The stretches of speech in samples, `[first, end]`. */
  function stretches(samples) {
    const vad = new sherpa.Vad({ sileroVad, sampleRate: rate, numThreads: 1, debug: 0 }, 60)
    const found = []
    const take = () => {
      while (!vad.isEmpty()) {
        const { start, samples: part } = vad.front(false)
        found.push([start, start + part.length])
        vad.pop()
      }
    }
    for (let at = 0; at + 512 <= samples.length; at += 512) {
      vad.acceptWaveform(samples.subarray(at, at + 512))
      take()
    }
    vad.flush()
    take()
    return found.flatMap(([start, end]) => {
      const first = Math.max(0, start - margin * rate)
      const last = Math.min(samples.length, end + margin * rate)
      const parts = Math.ceil((last - first) / (longest * rate))
      const edge = (part) => Math.round(first + ((last - first) * part) / parts)
      return Array.from({ length: parts }, (_, part) => [edge(part), edge(part + 1)])
    })
  }

  /** The words in the samples, with their starts in ms. */
  return function listen(samples) {
    const words = []
    for (const [first, end] of stretches(samples)) {
      const stream = recogniser.createStream()
      stream.acceptWaveform({ sampleRate: rate, samples: samples.slice(first, end) })
      recogniser.decode(stream)
      const { text, tokens, timestamps } = recogniser.getResult(stream)
      const starts = []
      for (const [index, token] of tokens.entries()) {
        if (index === 0 || token.startsWith(' ')) starts.push({ text: '', start: 0 })
        const word = starts.at(-1)
        if (word.text.trim() === '') word.start = (first / rate + timestamps[index]) * 1000
        word.text += token
      }
      const timed = starts.flatMap(({ text: word, start }) => plainWords(word).map((plain) => ({ text: plain, start })))
      const plain = plainWords(text)
      // Where a character was split over two tokens they differ: then the text counts, without times.
      const agree = plain.join(' ') === timed.map((word) => word.text).join(' ')
      words.push(...(agree ? timed : plain.map((word) => ({ text: word }))))
    }
    return words
  }
}

function measureWords() {
  const began = performance.now()
  const listen = makeListener()
  console.log(`loaded in ${((performance.now() - began) / 1000).toFixed(2)} s`)
  const files = filesBelow(speech)
  const withoutEnding = (file) => path.basename(file).replace(/\.\w+$/, '')
  const references = readFileSync(path.join(speech, 'refs.tsv'), 'utf8').trim().split('\n')
  let audio = 0
  let time = 0
  const hear = (file) => {
    const samples = decode(file)
    const start = performance.now()
    const heard = listen(samples)
    audio += samples.length / rate
    time += (performance.now() - start) / 1000
    return heard
  }

  let edits = 0
  let count = 0
  let clips = 0
  for (const line of references) {
    const [name, text] = line.split('\t')
    const file = files.find((one) => withoutEnding(one) === withoutEnding(name) && /\.(?:wav|flac)$/.test(one))
    if (file === undefined) continue
    const said = plainWords(text)
    const result = compare(
      said,
      hear(file).map((word) => word.text),
    )
    console.log(`  ${path.basename(file)}: ${result.edits} of ${said.length}`)
    edits += result.edits
    count += said.length
    clips++
  }
  console.log(`clips of refs.tsv: ${clips} clips, ${count} words, word error rate ${percent(edits / count, 2)}`)

  const late = []
  for (const file of files.filter((one) => one.endsWith('.words.json'))) {
    const said = JSON.parse(readFileSync(file, 'utf8')).flatMap(({ text, start }) =>
      plainWords(text).map((word) => ({ text: word, start })),
    )
    const heard = hear(file.replace('.words.json', '.wav'))
    const result = compare(
      said.map((word) => word.text),
      heard.map((word) => word.text),
    )
    console.log(`${path.basename(file, '.words.json')}: word error rate ${percent(result.edits / said.length)}`)
    for (const [from, to] of result.pairs) {
      if (heard[to].start !== undefined) late.push(heard[to].start - said[from].start)
    }
  }
  const off = late.map(Math.abs).toSorted((one, other) => one - other)
  const mean = late.reduce((sum, value) => sum + value, 0) / late.length
  const [half, most, nearly] = [0.5, 0.9, 0.95].map((share) => quantile(off, share).toFixed(0))
  console.log(
    `starts of ${late.length} words: off by ${half} ms (median), ${most} (90 %), ${nearly} (95 %); mean ${mean.toFixed(0)} ms late`,
  )
  console.log(`time for a second of audio, ${numThreads} threads: ${(time / audio).toFixed(3)} s`)
}

// --------------------------------------------------------------------------------------------------------------------
// Voices

/** Where as many pairs of one speaker are refused as pairs of two are taken: that share, and the cosine. */
function equalErrorRate(same, different) {
  const all = [...same.map((value) => [value, 1]), ...different.map((value) => [value, 0])]
  all.sort(([one], [other]) => one - other)
  let refused = 0
  let taken = different.length
  let best = [Infinity, 0, 0]
  for (const [value, isSame] of all) {
    if (isSame) refused++
    else taken--
    const [miss, alarm] = [refused / same.length, taken / different.length]
    if (Math.abs(miss - alarm) < best[0]) best = [Math.abs(miss - alarm), (miss + alarm) / 2, value]
  }
  return { rate: best[1], cosine: best[2] }
}

function measureVoices() {
  const extractor = new sherpa.SpeakerEmbeddingExtractor({
    model: path.join(models, 'voices.onnx'),
    numThreads,
    debug: 0,
  })
  let took = []
  const embed = (samples) => {
    const start = performance.now()
    const stream = extractor.createStream()
    stream.acceptWaveform({ sampleRate: rate, samples })
    stream.inputFinished()
    const vector = extractor.compute(stream, false)
    took.push(performance.now() - start)
    return vector
  }
  const utterances = filesBelow(speech)
    .filter((file) => /\.(?:wav|flac)$/.test(file))
    .map((file) => ({ speaker: path.basename(path.dirname(file)), samples: decode(file) }))
  const speakers = new Set(utterances.map((utterance) => utterance.speaker)).size
  console.log(`${utterances.length} utterances of ${speakers} speakers`)

  for (const seconds of [Infinity, 3, 1.6, 0.8]) {
    took = []
    const pieces = utterances.map(({ speaker, samples }) => {
      // The middle: the ends of the recordings are quiet.
      const start = Math.max(0, Math.floor((samples.length - seconds * rate) / 2))
      const part = seconds === Infinity ? samples : samples.slice(start, start + seconds * rate)
      return { speaker, vector: embed(part) }
    })
    const [same, different] = [[], []]
    for (const [index, one] of pieces.entries()) {
      for (const other of pieces.slice(index + 1)) {
        let cosine = 0
        for (let at = 0; at < one.vector.length; at++) cosine += one.vector[at] * other.vector[at]
        ;(one.speaker === other.speaker ? same : different).push(cosine)
      }
    }
    const { rate: error, cosine } = equalErrorRate(same, different)
    const median = quantile(
      took.toSorted((one, other) => one - other),
      0.5,
    )
    const length = seconds === Infinity ? 'whole' : `${seconds} s`
    console.log(
      `${length}: equal error rate ${percent(error, 2)} at cosine ${cosine.toFixed(2)}, ${median.toFixed(0)} ms`,
    )
  }
}

if (what === 'words') measureWords()
else measureVoices()
