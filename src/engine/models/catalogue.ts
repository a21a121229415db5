import { defined } from '../../options.ts'
import type { RecogniserTraits } from './model.ts'

/** A file of a repository of the Hugging Face Hub. */
export interface ModelFile {
  path: string
  /** Bytes; exact where `sha256` is there, else the most that is accepted. */
  size: number
  /** SHA-256 in hex; where it is not known, that of the first download counts from then on. */
  sha256?: string
}

/** A word error rate that others publish. */
export interface PublishedErrors {
  wer: number
  material: string
}

interface EntryBase {
  /** Short name, as the command takes it. */
  name: string
  /** One line for people. */
  about: string
  repo: string
  /** Commit, or a branch where no commit is known. */
  revision: string
  /** SPDX name of the licence or its title, and where it can be read. */
  licence: string
  licenceUrl: string
  /** Whose work it is, before it was converted. */
  origin: string
}

export interface RecogniserEntry extends EntryBase, RecogniserTraits {
  role: 'recogniser'
  /** By sherpa-onnx's names, and `tokens`. */
  files: Readonly<Record<string, ModelFile>>
  published?: PublishedErrors
  /** What this project measured, and on what; absent where it measured nothing. */
  measured?: string
}

/** A speaker model of the catalogue: one file. */
export interface SpeakerEntry extends EntryBase {
  role: 'speakers'
  files: Readonly<Record<'model', ModelFile>>
}

export type ModelEntry = RecogniserEntry | SpeakerEntry

const whisperLanguages =
  'af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it ' +
  'ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn ' +
  'so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh'
const parakeetLanguages = 'bg cs da de el en es et fi fr hr hu it lt lv mt nl pl pt ro ru sk sl sv uk'

const mit = { licence: 'MIT', licenceUrl: 'https://github.com/openai/whisper/blob/main/LICENSE' }
const apache = { licence: 'Apache-2.0', licenceUrl: 'https://www.apache.org/licenses/LICENSE-2.0' }
const attribution = { licence: 'CC BY 4.0', licenceUrl: 'https://creativecommons.org/licenses/by/4.0/' }

/** What most recognisers have in common. */
const recogniser = { role: 'recogniser', detectsLanguage: false, lateMs: 0, hasWordTimes: true } as const
const whisper = { ...mit, ...recogniser, mode: 'offline', kind: 'whisper', detectsLanguage: true } as const

/** The repository of all speaker models that sherpa-onnx exports. */
const speakerRepo = {
  role: 'speakers',
  repo: 'csukuangfj/speaker-embedding-models',
  revision: '0743f301363dec56491a490f6d6cbc9d67f9a3bf',
} as const

/** Files of a model, one a line: part, path, bytes, and SHA-256 where it is known. */
function filesOf<Part extends string = string>(rows: string): Record<Part, ModelFile> {
  const files = rows
    .trim()
    .split('\n')
    .map((row): [string, ModelFile] => {
      const [part = '', path = '', size = '', sha256] = row.trim().split(' ')
      return [part, { path, size: Number(size), ...defined({ sha256 }) }]
    })
  return Object.fromEntries(files) as Record<Part, ModelFile>
}

/**
 * The models that are known by name, with the hashes that other projects pin for the same files (November 2026); what
 * nobody pins comes from `main`, with the hash of the first download. See `docs/models.md`.
 */
export const catalogue: readonly ModelEntry[] = [
  {
    ...whisper,
    name: 'whisper-base',
    about: '99 languages, 74 million parameters',
    // A conversion by a third party: those of sherpa-onnx have no outputs of the cross-attention, and so no word times.
    repo: 'clairemcw/sherpa-onnx-whisper-base-attention',
    revision: 'main',
    origin: 'https://huggingface.co/openai/whisper-base',
    files: filesOf(`
      encoder base-encoder.int8.onnx 40000000
      decoder base-decoder.int8.onnx 160000000
      tokens base-tokens.txt 816730 b34b360dbb493e781e479794586d661700670d65564001f23024971d1f2fa126
    `),
    languages: whisperLanguages.split(' '),
    lateMs: -64,
    published: { wer: 5, material: 'LibriSpeech test-clean' },
    measured: 'a conversion of our own: 3.3-3.6 % of 360 clear English words, 0.10-0.11 s a second of audio',
  },
  {
    ...whisper,
    name: 'whisper-small',
    about: '99 languages, 244 million parameters',
    repo: 'clairemcw/sherpa-onnx-whisper-small-attention',
    revision: '9a896a02c311676d366ebfda3797753df4153fe2',
    origin: 'https://huggingface.co/openai/whisper-small',
    files: filesOf(`
      encoder small-encoder.int8.onnx 112445386 570e2b92cce6a8be62dc37934057b82dd601298ecb3a2a25161542e2b59862aa
      decoder small-decoder.int8.onnx 262482583 63233cc33d6c11ae514467a69132de87cc61e6b28d3dab40cdf8b0e3060a3439
      tokens small-tokens.txt 816730 b34b360dbb493e781e479794586d661700670d65564001f23024971d1f2fa126
    `),
    languages: whisperLanguages.split(' '),
    published: { wer: 3.4, material: 'LibriSpeech test-clean' },
  },
  {
    ...attribution,
    ...recogniser,
    name: 'parakeet-v2',
    about: 'English with punctuation, 600 million parameters',
    repo: 'csukuangfj/sherpa-onnx-nemo-parakeet-tdt-0.6b-v2-int8',
    revision: '1ab9323565ddb038682214b292f588070a538ce2',
    origin: 'https://huggingface.co/nvidia/parakeet-tdt-0.6b-v2',
    mode: 'offline',
    kind: 'nemoTransducer',
    files: filesOf(`
      encoder encoder.int8.onnx 652184296 a32b12d17bbbc309d0686fbbcc2987b5e9b8333a7da83fa6b089f0a2acd651ab
      decoder decoder.int8.onnx 7257753 b6bb64963457237b900e496ee9994b59294526439fbcc1fecf705b31a15c6b4e
      joiner joiner.int8.onnx 1739080 7946164367946e7f9f29a122407c3252b680dbae9a51343eb2488d057c3c43d2
      tokens tokens.txt 9384 ec182b70dd42113aff6c5372c75cac58c952443eb22322f57bbd7f53977d497d
    `),
    languages: ['en'],
    published: { wer: 6.1, material: 'the Open ASR Leaderboard' },
  },
  {
    ...attribution,
    ...recogniser,
    name: 'parakeet-v3',
    about: '25 European languages with punctuation, 600 million parameters',
    repo: 'csukuangfj/sherpa-onnx-nemo-parakeet-tdt-0.6b-v3-int8',
    revision: '2bda32ec70b097a55adaa07d9a7173915b43cc78',
    origin: 'https://huggingface.co/nvidia/parakeet-tdt-0.6b-v3',
    mode: 'offline',
    kind: 'nemoTransducer',
    files: filesOf(`
      encoder encoder.int8.onnx 652184281 acfc2b4456377e15d04f0243af540b7fe7c992f8d898d751cf134c3a55fd2247
      decoder decoder.int8.onnx 11845275 179e50c43d1a9de79c8a24149a2f9bac6eb5981823f2a2ed88d655b24248db4e
      joiner joiner.int8.onnx 6355277 3164c13fc2821009440d20fcb5fdc78bff28b4db2f8d0f0b329101719c0948b3
      tokens tokens.txt 93939 d58544679ea4bc6ac563d1f545eb7d474bd6cfa467f0a6e2c1dc1c7d37e3c35d
    `),
    languages: parakeetLanguages.split(' '),
    detectsLanguage: true,
    published: { wer: 6.3, material: '7 English sets of the Open ASR Leaderboard' },
  },
  {
    ...apache,
    ...recogniser,
    name: 'zipformer-en',
    about: 'English in capitals, words as they are said',
    repo: 'csukuangfj/sherpa-onnx-streaming-zipformer-en-2023-06-26',
    revision: '672fbf1b30579d6585301139bb363f42a0ad4a24',
    origin: 'https://github.com/k2-fsa/icefall',
    mode: 'streaming',
    kind: 'transducer',
    files: filesOf(`
      encoder encoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx 71083163 563fde436d16cf7607cf408cd6b30909819d03162652ef389c2450ced3f45ac1
      decoder decoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx 1307236 98da299f471e38bb4e1a8df579b8cc9122d6039576a77e357b3c60f17dd83b02
      joiner joiner-epoch-99-avg-1-chunk-16-left-128.int8.onnx 259335 d944208d660d67c8d72cd2acaeac971fa5ceb8c80e76c1968148846fedd6e297
      tokens tokens.txt 5048 49e3c2646595fd907228b3c6787069658f67b17377c60aeb8619c4551b2316fb
    `),
    languages: ['en'],
    published: { wer: 3.1, material: 'LibriSpeech test-clean' },
  },
  {
    ...recogniser,
    name: 'nemotron-en',
    about: 'English with punctuation, words as they are said, 600 million parameters',
    repo: 'csukuangfj2/sherpa-onnx-nemotron-speech-streaming-en-0.6b-560ms-int8-2026-04-25',
    revision: '52056fdc070914a48dcd68b31b44d6a6f5b85902',
    licence: 'NVIDIA Open Model License',
    licenceUrl: 'https://www.nvidia.com/en-us/agreements/enterprise-software/nvidia-open-model-license/',
    origin: 'https://huggingface.co/nvidia/nemotron-speech-streaming-en-0.6b',
    mode: 'streaming',
    kind: 'nemoTransducer',
    files: filesOf(`
      encoder encoder.int8.onnx 652916849 7d932213491ad355c6e5576705dc3494731a52af87d7a1b954559340147909d8
      decoder decoder.int8.onnx 7257753 0be9702c2f427a2b6bb241d298e0d3836a558de1f5b9fd3018f1cce6e2b3fa98
      joiner joiner.int8.onnx 1735862 a35eac38a22ebceb04d230ed7afe0d68f446ba6914a036b97f14fece95967e23
      tokens tokens.txt 8952 dc0b4584ab2e4ddbf888425c076c61b736e7356a015250db7d307e6f1a8188ff
    `),
    languages: ['en'],
    published: { wer: 8.2, material: '8 open sets (arXiv 2604.14493)' },
  },
  {
    ...recogniser,
    name: 'sense-voice',
    about: 'Chinese, Cantonese, English, Japanese and Korean, 234 million parameters',
    repo: 'csukuangfj/sherpa-onnx-sense-voice-zh-en-ja-ko-yue-2024-07-17',
    revision: '2365baeacb507f821a0c8120fcee3d484dba7a07',
    licence: 'FunASR Model License 1.1',
    licenceUrl: 'https://github.com/modelscope/FunASR/blob/main/MODEL_LICENSE',
    origin: 'https://huggingface.co/FunAudioLLM/SenseVoiceSmall',
    mode: 'offline',
    kind: 'senseVoice',
    files: filesOf(`
      model model.int8.onnx 239233841 c71f0ce00bec95b07744e116345e33d8cbbe08cef896382cf907bf4b51a2cd51
      tokens tokens.txt 315894 f449eb28dc567533d7fa59be34e2abca8784f771850c78a47fb731a31429a1dc
    `),
    languages: ['en', 'ja', 'ko', 'yue', 'zh'],
    detectsLanguage: true,
    published: { wer: 3.2, material: 'LibriSpeech test-clean' },
  },
  {
    ...whisper,
    name: 'whisper-large-v3-turbo',
    about: '100 languages, 809 million parameters',
    // No repository with the outputs of the cross-attention could be found whose files are known.
    repo: 'csukuangfj/sherpa-onnx-whisper-turbo',
    revision: '2ca6ff69fc878651b770880507669577ac41c2ff',
    origin: 'https://huggingface.co/openai/whisper-large-v3-turbo',
    files: filesOf(`
      encoder turbo-encoder.int8.onnx 674716297 b02dcdf54f348741e93fe732b67d933c8dcb6735655f710640143081db38878b
      decoder turbo-decoder.int8.onnx 361080764 20accd02388482eb3a46bd615631adfdc85e1eb2c7db9ea3f02a40ffe6b81547
      tokens turbo-tokens.txt 816730 b34b360dbb493e781e479794586d661700670d65564001f23024971d1f2fa126
    `),
    languages: [...whisperLanguages.split(' '), 'yue'],
    hasWordTimes: false,
    published: { wer: 7.8, material: 'the Open ASR Leaderboard' },
  },
  {
    ...attribution,
    ...speakerRepo,
    name: 'resnet34-en',
    about: 'WeSpeaker ResNet34-LM, trained on VoxCeleb; published equal error rate 0.7 % on VoxCeleb1-O',
    origin: 'https://github.com/wenet-e2e/wespeaker',
    files: filesOf<'model'>(`
      model wespeaker_en_voxceleb_resnet34_LM.onnx 26530550 e9848563da86f263117134dfd7ad63c92355b37de492b55e325400c9d9c39012
    `),
  },
  {
    ...apache,
    ...speakerRepo,
    name: 'campplus-en',
    about: '3D-Speaker CAM++, trained on VoxCeleb',
    origin: 'https://github.com/modelscope/3D-Speaker',
    files: filesOf<'model'>(`
      model 3dspeaker_speech_campplus_sv_en_voxceleb_16k.onnx 29596978 357a834f702b80161e5b981182c038e18553c1f2ca752ed6cec2052365d4129b
    `),
  },
  {
    ...attribution,
    ...speakerRepo,
    name: 'titanet-en',
    about: 'NVIDIA TitaNet-S',
    origin: 'https://catalog.ngc.nvidia.com/orgs/nvidia/teams/nemo/models/titanet_small',
    files: filesOf<'model'>(`
      model nemo_en_titanet_small.onnx 40257283 ad4a1802485d8b34c722d2a9d04249662f2ece5d28a7a039063ca22f515a789e
    `),
  },
]

export function findEntry(name: string): ModelEntry | undefined {
  return catalogue.find((entry) => entry.name === name)
}

/** Whether it is shown unless all are asked for: captions need word times. */
export function isListed(entry: ModelEntry): boolean {
  return entry.role === 'speakers' || entry.hasWordTimes
}

/** Whether the hashes of all of its files are known. */
export function isPinned(entry: ModelEntry): boolean {
  return Object.values(entry.files).every(({ sha256 }) => sha256 !== undefined)
}

/** Bytes of all files, at most. */
export function sizeOf(entry: ModelEntry): number {
  return Object.values(entry.files).reduce((sum, { size }) => sum + size, 0)
}

export interface OfferFacts {
  /** The language that is asked for, as a code; absent where none is. */
  language?: string
  /** Memory of the machine in bytes, and its processors. */
  memory: number
  processors: number
  /** Whether that model is on this machine already. */
  isInstalled: (entry: RecogniserEntry) => boolean
}

/** Models better than the one in the box, the best first, and the processors they need to keep up. */
const ranking: readonly { name: string; processors: number }[] = [
  { name: 'parakeet-v2', processors: 4 },
  { name: 'parakeet-v3', processors: 4 },
  { name: 'whisper-small', processors: 4 },
  { name: 'whisper-base', processors: 2 },
]
const memoryPerWeight = 6

/** The model that suits a machine and a language better than the one in the box; `undefined` where there is none. */
export function betterModel({ language = 'en', memory, processors }: OfferFacts): RecogniserEntry | undefined {
  const code = language.toLowerCase().split(/[-_]/)[0] ?? ''
  for (const candidate of ranking) {
    const entry = findEntry(candidate.name)
    if (entry?.role !== 'recogniser' || !isListed(entry)) continue
    const knows = code === 'auto' ? entry.detectsLanguage : entry.languages.includes(code)
    const suits = processors >= candidate.processors && memory >= memoryPerWeight * sizeOf(entry)
    if (knows && suits) return entry
  }
  return undefined
}

/** One line that offers it, or tells that it is here; `undefined` where there is nothing to offer. */
export function offerLine(facts: OfferFacts): string | undefined {
  const entry = betterModel(facts)
  if (entry === undefined) return undefined
  const { name, published } = entry
  const errors = published === undefined ? '' : `, published WER ${published.wer} % on ${published.material}`
  if (facts.isInstalled(entry)) return `${name}${errors}, is on this machine: --engine local --model ${name}`
  const size = `${Math.round(sizeOf(entry) / 1e6)} MB`
  return `a better model for this machine is ${name} (${size}${errors}): diarize-stream models pull ${name}`
}
