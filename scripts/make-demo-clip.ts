/**
 * Makes the clip of the demo and its reference from nothing but the script in `demo/dialogue.ts`:
 * `demo/dialogue.mp4`, `demo/dialogue.reference.json` and `demo/dialogue.rttm`.
 * Needs flite and an FFmpeg with libx264. Run it with `npx tsx scripts/make-demo-clip.ts [folder]`.
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dialogue, speakers } from './demo/dialogue.ts'
import { encode } from './demo/encode.ts'
import { speak } from './demo/flite.ts'
import { pictures } from './demo/picture.ts'
import { arrange, toRttm } from './demo/timeline.ts'

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('../demo', import.meta.url)))
mkdirSync(folder, { recursive: true })

const voices = new Map(speakers.map((speaker) => [speaker.name, speaker.voice]))
const utterances = dialogue.map((line) => speak(voices.get(line.speaker) ?? 'slt', line.text))
const { samples, reference } = arrange(speakers, dialogue, utterances)

const clip = join(folder, 'dialogue.mp4')
await encode(clip, samples, pictures(samples, reference))
writeFileSync(join(folder, 'dialogue.reference.json'), `${JSON.stringify(reference, null, 2)}\n`)
writeFileSync(join(folder, 'dialogue.rttm'), toRttm('dialogue', reference.turns))

const seconds = (reference.durationMs / 1000).toFixed(1)
const kilobytes = Math.round(statSync(clip).size / 1000)
console.log(`${clip}: ${seconds} s, ${reference.turns.length} turns, ${kilobytes} kB`)
