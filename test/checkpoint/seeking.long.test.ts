import path from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { expect, it } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { turnsOf } from '../../src/checkpoint/turn-record.ts'
import { diarize, fanOut, fileSource, jsonlSink, resample, run, type RunOptions, srtSink } from '../../src/index.ts'
import { seekTo } from '../../src/stage.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { wordsIn } from '../batch/recordings.ts'
import { ffmpeg } from '../helpers/media.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { wordsOf, writeTalk } from './talk.ts'

const directory = temporaryDirectories()
type Seeking = Readable & { [seekTo]: (ms: number) => number }

/** Where the last turn of a checkpoint ends, ms; 0 before there is one. */
async function lastEnd(checkpoint: string): Promise<number> {
  const known = await readCheckpoint(checkpoint)
  return known === undefined ? 0 : (turnsOf(known).at(-1)?.words.at(-1)?.end ?? 0)
}

it.each(['wav', 'm4a', 'mka'])(
  'goes on in the middle of a %s, at the same times',
  async (ending) => {
    const folder = directory()
    const words = toneScript({ seed: 31, duration: 240_000, speakers: 2, turnWords: [1, 12] })
    writeTalk(path.join(folder, 'talk.wav'), words)
    const talk = path.join(folder, `talk.${ending}`)
    // Without loss, so that an engine hears the same wherever it begins.
    const codec = ['-c:a', ending === 'm4a' ? 'alac' : 'flac']
    if (ending !== 'wav') await ffmpeg('-i', path.join(folder, 'talk.wav'), ...codec, talk)
    const sought: number[] = []
    const hear = (name: string, options: RunOptions, until = Infinity) => {
      const source = fileSource(talk) as unknown as Seeking
      const seek = source[seekTo].bind(source)
      let begins = 0
      source[seekTo] = (ms) => {
        sought.push(ms)
        return (begins = seek(ms))
      }
      // Nothing comes after `until`, and no end.
      let bytes = 0
      const gate = new Transform({
        transform: (chunk: Buffer, _encoding, done) => {
          bytes += chunk.length
          if (begins + bytes / 32 < until) done(null, chunk)
        },
      })
      const hearing = diarize({ engine: toneEngine(), pace: 'unpaced', voices: false })
      const sinks = fanOut(srtSink(path.join(folder, `${name}.srt`)), jsonlSink(path.join(folder, `${name}.jsonl`)))
      return run([source, resample(), gate, hearing, sinks], options)
    }
    const once = await hear('whole', {})
    const checkpoint = path.join(folder, 'checkpoint')
    for (const ms of [80_000, 140_000, 200_000]) {
      const controller = new AbortController()
      const broken = hear('parts', { checkpoint, signal: controller.signal }, ms)
      broken.catch(() => {})
      // By its turns: audio that has come is far ahead of them where the machine is busy.
      while ((await lastEnd(checkpoint)) < ms - 20_000) await new Promise((resolve) => setTimeout(resolve, 5))
      controller.abort()
      await expect(broken).rejects.toMatchObject({ name: 'AbortError' })
    }
    const summary = await hear('parts', { checkpoint })
    expect(sought).toHaveLength(3)
    expect(sought.filter((ms) => ms > 30_000).length).toBeGreaterThan(1)
    const heard = (name: string) => wordsOf(path.join(folder, `${name}.jsonl`))
    expect(heard('parts')).toEqual(heard('whole'))
    expect(wordsIn(path.join(folder, 'parts.srt'))).toEqual(wordsIn(path.join(folder, 'whole.srt')))
    expect({ turns: summary.turns, speakers: summary.speakers, gaps: summary.gaps }).toEqual({
      turns: once.turns,
      speakers: once.speakers,
      gaps: once.gaps,
    })
  },
  120_000,
)
