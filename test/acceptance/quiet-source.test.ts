import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type Turn, diarize, run } from 'diarize-stream'
import { serve } from 'diarize-stream/server'
import { toneAudio, toneEngine } from 'diarize-stream/testing'

interface Listening {
  source: PassThrough
  /** The next turn. */
  next: () => Promise<unknown>
  /** What was said and when, once the source has ended. */
  said: () => Promise<[text: string, start: number, end: number][]>
}

/** A live source whose words go through diarize() to a server that truly hears them. */
async function listen(): Promise<Listening> {
  const server = await serve({ engine: toneEngine(), authentication: false })
  const turns: Turn[] = []
  const heard = new Writable({
    objectMode: true,
    write(turn: Turn, _encoding, next) {
      turns.push(turn)
      this.emit('turn')
      next()
    },
  })
  const source = new PassThrough({ highWaterMark: 1_000_000 })
  const done = run(source, diarize({ url: server.url, live: true }), heard)
  return {
    source,
    next: () => once(heard, 'turn'),
    async said() {
      await done
      await server.close()
      return turns.flatMap((turn) => turn.words).map(({ text, start, end }) => [text, start, end])
    },
  }
}

it('silence ends the open turn while a live source pauses, and does not count in the times', async () => {
  const words = [
    { word: 1, speaker: 0, start: 200 },
    { word: 2, speaker: 0, start: 1000 },
  ]
  const { source, next, said } = await listen()
  const first = next()
  // The source stops right behind the word: without silence no server could know that the turn is over.
  source.write(toneAudio(words, { to: 450 }))
  await first
  source.end(toneAudio(words, { from: 450, to: 2000 }))
  expect(await said()).toEqual([
    ['w1', 200, 440],
    ['w2', 1000, 1240],
  ])
})

it('hears a word whose last milliseconds do not fill a frame before the pause', async () => {
  const words = [
    { word: 1, speaker: 0, start: 200 },
    { word: 2, speaker: 0, start: 445 },
    { word: 3, speaker: 0, start: 1000 },
  ]
  const { source, next, said } = await listen()
  let from = 0
  for (const to of [441, 687]) {
    const turn = next()
    source.write(toneAudio(words, { from, to }))
    await turn
    from = to
  }
  source.end(toneAudio(words, { from, to: 2000 }))
  expect(await said()).toEqual([
    ['w1', 200, 440],
    ['w2', 445, 685],
    ['w3', 1000, 1240],
  ])
})

it('hears a word of which the rest comes a second late as one word', async () => {
  const words = [
    { word: 1, speaker: 0, start: 200 },
    { word: 2, speaker: 0, start: 1000 },
  ]
  const { source, said } = await listen()
  source.write(toneAudio(words, { to: 330 }))
  await sleep(1000)
  source.end(toneAudio(words, { from: 330, to: 2000 }))
  expect(await said()).toEqual([
    ['w1', 200, 440],
    ['w2', 1000, 1240],
  ])
})
