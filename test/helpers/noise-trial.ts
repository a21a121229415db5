import { join16, silence } from './flite.ts'
import { makeNoise, noises } from './noises.ts'

/** What a recogniser makes of audio (mono, 16 kHz): its words in order. */
export type Hear = (samples: Int16Array) => Promise<string[]>

/** Every noise of the corpus in which `hear` hears words, with them: none where nothing is invented. */
export async function inventedIn(hear: Hear): Promise<{ name: string; words: string[] }[]> {
  const invented: { name: string; words: string[] }[] = []
  for (const noise of noises) {
    const words = await hear(join16([silence(300), await makeNoise(noise), silence(1000)]))
    if (words.length > 0) invented.push({ name: noise.name, words })
  }
  return invented
}

/** Noises that are mixed with speech. */
const behind = ['pink 0.3', 'hum 50 Hz 0.3', 'plucked melody', 'chords', 'engine', 'rain', 'crickets', 'applause']

/** `speech` among noises: over each of some, 15 dB below it; between silences; before, after and between noises. */
export async function mixesOf(speech: Int16Array): Promise<{ name: string; samples: Int16Array }[]> {
  const named = async (name: string, seconds = 20): Promise<Int16Array> =>
    makeNoise({ ...noises.find((noise) => noise.name === name)!, seconds })
  const mixes = [{ name: 'between silences', samples: join16([silence(5000), speech, silence(5000)]) }]
  for (const name of behind) {
    const noise = await named(name)
    mixes.push({
      name: `over ${name}`,
      samples: over(join16([silence(1500), speech, silence(1500)]), noise, speech, 15),
    })
  }
  for (const name of ['plucked melody', 'band', 'organ with vibrato', 'chords', 'melody of squares']) {
    mixes.push({ name: `before ${name}`, samples: join16([silence(500), speech, silence(300), await named(name)]) })
  }
  for (const name of ['pink 0.3', 'keypad', 'ringing', 'siren', 'applause']) {
    const noise = await named(name, 6)
    mixes.push({ name: `between ${name}`, samples: join16([noise, silence(300), speech, silence(300), noise]) })
  }
  return mixes
}

/** `samples` with `noise` all along, so many dB below the mean of `speech`. */
function over(samples: Int16Array, noise: Int16Array, speech: Int16Array, decibels: number): Int16Array {
  const power = (audio: Int16Array): number => audio.reduce((sum, value) => sum + value ** 2, 0) / audio.length
  const gain = Math.sqrt(power(speech) / Math.max(1, power(noise))) * 10 ** (-decibels / 20)
  return samples.map((sample, at) =>
    Math.max(-32_768, Math.min(32_767, Math.round(sample + gain * noise[at % noise.length]!))),
  )
}
