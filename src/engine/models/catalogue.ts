/** A model that can be pulled. Sizes in bytes. */
export interface ModelEntry {
  /** Short name, as the command takes it. */
  name: string
  /** What it is for: words, or telling voices apart. */
  role: 'recogniser' | 'speakers'
  /** Where it comes from; a file of `.tar.bz2` is unpacked, any other is kept as it is. */
  url: string
  /** SPDX name of the licence or its title, and where it can be read. */
  licence: string
  licenceUrl: string
  /** One line for people: language and quality, and whose figures these are. */
  about: string
  /** Size of the download; more is refused. */
  size: number
  /** Most bytes that it may become when unpacked. */
  mostUnpacked: number
  /** SHA-256 of the download in hex; where it is not known, that of the first download is kept and compared from then on. */
  sha256?: string
  /** Only for speaker models: cosine at which one voice is as likely as two. */
  threshold?: number
}

/** Where all models come from; `DIARIZE_STREAM_MODELS_URL` puts a mirror in its place. */
export const modelsUrl = 'https://github.com/k2-fsa/sherpa-onnx/releases/download/'

const apache = { licence: 'Apache-2.0', licenceUrl: 'https://www.apache.org/licenses/LICENSE-2.0' }
const attribution = { licence: 'CC BY 4.0', licenceUrl: 'https://creativecommons.org/licenses/by/4.0/' }

/**
 * The models that are known by name. Word error rates are those that their makers publish, on LibriSpeech test-clean and
 * test-other unless said otherwise. The makers publish no hashes; those here are the ones that several unrelated projects
 * pin for the same address (looked up in November 2026), and sizes likewise.
 */
export const catalogue: readonly ModelEntry[] = [
  {
    name: 'zipformer-en',
    role: 'recogniser',
    url: `${modelsUrl}asr-models/sherpa-onnx-streaming-zipformer-en-2023-06-26.tar.bz2`,
    ...apache,
    about: 'English; published WER 3.1 / 7.8 %',
    size: 310_414_022,
    mostUnpacked: 1_000_000_000,
    sha256: '639e25b578e9e997131402199419c13a941f8e4e198e2da1ce57dbf5cf401282',
  },
  {
    name: 'zipformer-en-small',
    role: 'recogniser',
    url: `${modelsUrl}asr-models/sherpa-onnx-streaming-zipformer-en-20M-2023-02-17.tar.bz2`,
    ...apache,
    about: 'English, 20 million parameters; published WER 3.9 / 9.8 %',
    size: 127_887_156,
    mostUnpacked: 500_000_000,
    sha256: '9c559283e8498d3fe95913c79ca1cb454bb26281ac2b102b41306c7d752765d9',
  },
  {
    name: 'nemotron-en',
    role: 'recogniser',
    url: `${modelsUrl}asr-models/sherpa-onnx-nemotron-speech-streaming-en-0.6b-560ms-int8-2026-04-25.tar.bz2`,
    licence: 'NVIDIA Open Model License',
    licenceUrl: 'https://www.nvidia.com/en-us/agreements/enterprise-software/nvidia-open-model-license/',
    about: 'English with punctuation, 600 million parameters; published WER 8.2 % over 8 harder sets',
    size: 463_945_051,
    mostUnpacked: 1_000_000_000,
    sha256: '78e2b79fcf7271553a74402a76b771b09ea40117a39566a79f52235b23db6358',
  },
  {
    name: 'campplus-en',
    role: 'speakers',
    // The release is spelt like that.
    url: `${modelsUrl}speaker-recongition-models/3dspeaker_speech_campplus_sv_en_voxceleb_16k.onnx`,
    ...apache,
    about: 'voices, CAM++ trained on VoxCeleb',
    size: 29_596_978,
    mostUnpacked: 29_596_978,
    sha256: '357a834f702b80161e5b981182c038e18553c1f2ca752ed6cec2052365d4129b',
    threshold: 0.5,
  },
  {
    name: 'resnet34-en',
    role: 'speakers',
    url: `${modelsUrl}speaker-recongition-models/wespeaker_en_voxceleb_resnet34_LM.onnx`,
    ...attribution,
    about: 'voices, WeSpeaker ResNet34-LM trained on VoxCeleb',
    size: 26_530_550,
    mostUnpacked: 26_530_550,
    sha256: 'e9848563da86f263117134dfd7ad63c92355b37de492b55e325400c9d9c39012',
    threshold: 0.5,
  },
]

/** The entry of that name. */
export function findEntry(name: string): ModelEntry | undefined {
  return catalogue.find((entry) => entry.name === name)
}

/** The entry with its address on the mirror that the environment names, if it names one. */
export function fromMirror(entry: ModelEntry, env: NodeJS.ProcessEnv = process.env): ModelEntry {
  const mirror = env['DIARIZE_STREAM_MODELS_URL']
  if (mirror === undefined || mirror === '' || !entry.url.startsWith(modelsUrl)) return entry
  return { ...entry, url: `${mirror.replace(/\/*$/, '/')}${entry.url.slice(modelsUrl.length)}` }
}
