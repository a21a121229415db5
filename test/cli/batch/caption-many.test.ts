import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type EngineListener, serve, type ServerOptions, type StreamingServer } from 'diarize-stream/server'
import { scriptedEngine, toneEngine } from 'diarize-stream/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { batchExitCode } from '../../../src/cli/batch/caption-many.ts'
import { filesIn, wordsIn, wordsOf, writeRecording } from '../../batch/recordings.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { asking, command, type CommandRun, startCommand } from '../command.ts'

const directory = temporaryDirectories()
const servers: StreamingServer[] = []
const running: CommandRun[] = []
afterEach(async () => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL')
  for (const server of servers.splice(0)) await server.close()
})

/** The options with which the command asks a server over the tone engine. */
async function hearing(options: Partial<ServerOptions> = {}): Promise<string[]> {
  const server = await serve({ engine: toneEngine(), apiKeys: ['any-key'], ...options })
  servers.push(server)
  return asking(server.url, directory())
}

/** Recordings 0 to `count - 1` in the folder `v`, every second in a folder of its own. */
function folderOf(count: number, seconds?: number): { root: string; place: (at: number) => string } {
  const root = directory()
  const place = (at: number): string => path.join('v', at % 2 === 0 ? '' : 'odd', `${at}`)
  for (let at = 0; at < count; at++) writeRecording(path.join(root, `${place(at)}.wav`), at, seconds)
  return { root, place }
}

describe('diarize-stream with many inputs', () => {
  it('does all it can, says what it could not, and the second time does that only', async () => {
    const { root, place } = folderOf(5)
    const out = path.join(root, 'out')
    const broken = path.join(root, `${place(1)}.wav`)
    writeFileSync(broken, 'no recording')
    const options = [path.join(root, 'v'), '--output-dir', out, '--format', 'srt,jsonl', '--jobs', '2']
    const server = await hearing()
    const first = await command(...options, '--continue-on-error', ...server)
    expect([first.code, first.out]).toEqual([6, ''])
    expect(first.err).toContain(`5 inputs\n`)
    expect(first.err).toMatch(/^failed .*1\.wav: .+$/m)
    expect(first.err).toMatch(/^done {5}0:02 {2}\d:\d\d {6}\d {9}2 {2}.*4\.wav$/m)
    expect(first.err).toMatch(/^5 inputs: 4 done, 1 failed; 0:08 of audio in /m)
    const whole = [0, 2, 3, 4]
    expect(filesIn(out)).toEqual(whole.flatMap((at) => [`${place(at)}.jsonl`, `${place(at)}.srt`]).toSorted())
    for (const at of whole) expect(wordsIn(path.join(out, `${place(at)}.srt`))).toEqual(wordsOf(at))

    const again = await command(...options, ...server)
    expect([again.code, again.out]).toEqual([2, ''])
    expect(again.err).toMatch(
      /is there already, and 7 more; --skip-existing leaves such out, --overwrite replaces them/,
    )

    writeRecording(broken, 1)
    const second = await command(...options, '--skip-existing', '--json', ...server)
    expect(second.code).toBe(0)
    const events = second.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const of = (type: string) => events.filter((event) => event['type'] === type)
    expect(of('plan')).toEqual([{ type: 'plan', inputs: 5, skipped: 4 }])
    expect(of('begin')).toEqual([
      {
        type: 'begin',
        input: broken,
        files: ['jsonl', 'srt'].map((ending) => path.join(out, `${place(1)}.${ending}`)).toReversed(),
      },
    ])
    const words = of('turn')
      .filter((turn) => turn['endOfTurn'] === true && turn['revision'] === 0)
      .flatMap((turn) => (turn['words'] as { text: string }[]).map(({ text }) => text))
    expect(words).toEqual(wordsOf(1).map((word) => `w${word}`))
    for (const type of ['session', 'turn', 'progress'])
      expect(of(type).map((event) => event['input'])).toContain(broken)
    expect(of('result').filter((event) => event['status'] === 'done')).toHaveLength(1)
    expect(of('result').filter((event) => event['status'] === 'skipped')).toHaveLength(4)
    expect(events.at(-1)).toMatchObject({
      type: 'summary',
      inputs: 5,
      done: 1,
      skipped: 4,
      failed: 0,
      interrupted: false,
    })
  })

  it('says of an input in which nobody was heard where there is sound', async () => {
    const { root } = folderOf(2)
    const options = [path.join(root, 'v'), '--output-dir', path.join(root, 'out')]
    const server = await hearing({ engine: scriptedEngine([]) })
    const { code, err } = await command(...options, ...server)
    expect(code).toBe(0)
    expect(err).toMatch(/0\.wav: note: no speech was found; there is sound at 0:00 to 0:0\d/)
    expect(err.match(/no speech was found/g)).toHaveLength(2)
    const told = await command(...options, '--overwrite', '--json', ...server)
    expect(told.out).toMatch(/^\{"type":"warning","input":".*0\.wav","code":"NO_SPEECH",.*"sound":\[\{"start":\d+,/m)
  })

  it('says at the end which names are for nobody, where all inputs were heard', async () => {
    const { root } = folderOf(2)
    const options = [path.join(root, 'v'), '--names', 'B=Bob,Q=Quentin', ...(await hearing())]
    const note = 'note: --names has a name for Q, who never spoke; heard were A, B'
    const { code, err } = await command(...options, '--output-dir', path.join(root, 'out'))
    expect([code, err.split('\n').filter((line) => line.startsWith('note: '))]).toEqual([0, [note]])
    const told = await command(...options, '--output-dir', path.join(root, 'again'), '--json')
    expect(told.out).toContain('{"type":"warning","code":"NAME_UNUSED",')
    // Quentin may be in one that was done before.
    writeRecording(path.join(root, 'v', '2.wav'), 2)
    const some = await command(...options, '--output-dir', path.join(root, 'out'), '--skip-existing')
    expect([some.code, some.err]).toEqual([0, expect.not.stringContaining('--names')])
  })

  describe.runIf(process.platform === 'linux')('that is ended in the middle', () => {
    /** Ends a run over four inputs, two at a time, once there are words, by a signal to the whole group. */
    async function endedBy(signal: NodeJS.Signals) {
      const { root, place } = folderOf(4, 20)
      const out = path.join(root, 'out')
      const options = [path.join(root, 'v'), '--output-dir', out, '--skip-existing', '--jobs', '2']
      const slow = await hearing({ engine: toneEngine({ fasterThanRealTime: false }) })
      const run = startCommand([...options, '--json', ...slow], {}, { detached: true })
      running.push(run)
      await run.wrote('"endOfTurn":true')
      process.kill(-(run.child.pid ?? 0), signal)
      const code = await run.ended
      expect(filesIn(out).filter((file) => file.endsWith('.srt'))).toEqual([])
      return { run, code, out, place, options }
    }

    /** Another run makes all four. */
    async function completes({ out, place, options }: Awaited<ReturnType<typeof endedBy>>): Promise<void> {
      const { code } = await command(...options, ...(await hearing()))
      expect(code).toBe(0)
      expect(filesIn(out)).toEqual([0, 1, 2, 3].map((at) => `${place(at)}.srt`).toSorted())
      for (const at of [0, 1, 2, 3]) expect(wordsIn(path.join(out, `${place(at)}.srt`))).toEqual(wordsOf(at))
    }

    it('by Ctrl-C has the last words in parts, which another run replaces', async () => {
      const ended = await endedBy('SIGINT')
      expect(ended.code).toBe(130)
      const last = JSON.parse(ended.run.out.trim().split('\n').at(-1) ?? '') as object
      expect(last).toMatchObject({ type: 'summary', inputs: 4, done: 0, stopped: 2, notBegun: 2, interrupted: true })
      const parts = filesIn(ended.out)
      expect(parts.length).toBeGreaterThan(0)
      for (const part of parts) expect(part).toMatch(/\.srt\.part$/)
      expect(wordsIn(path.join(ended.out, parts[0] ?? '')).length).toBeGreaterThan(0)
      await completes(ended)
    })

    it('by kill -9 leaves nothing that another run would take for done', async () => {
      const ended = await endedBy('SIGKILL')
      expect(ended.code).toBeNull()
      await completes(ended)
    })
  })

  it.runIf(process.platform === 'linux')('stops at once the second time it is told to', async () => {
    const { root } = folderOf(3, 60)
    const slow = await hearing({ engine: toneEngine({ fasterThanRealTime: false }) })
    const run = startCommand([path.join(root, 'v'), '--jobs', '2', '--json', ...slow])
    running.push(run)
    await run.wrote('"type":"begin"')
    run.child.kill('SIGINT')
    run.child.kill('SIGTERM')
    expect([1, 130]).toContain(await run.ended)
    expect(filesIn(root).filter((file) => file.endsWith('.lock') || file.endsWith('.srt'))).toEqual([])
  })

  it.each([
    [['a/talk.wav', 'b/talk.wav', '--output-dir', 'out'], 2, 'inputs would have the same outputs'],
    [['gone.txt'], 3, 'gone.txt does not exist'],
    [['rtsp://host/1', 'a.wav'], 2, 'must be files, folders, lists'],
    [['a.wav', 'b.wav', '--engine', 'assemblyai'], 2, 'set ASSEMBLYAI_API_KEY'],
    [['a.wav', 'b.wav', '--quiet'], 6, 'failed a.wav: '],
  ] as const)('ends with the right code for %j', async (argv, expected, message) => {
    const { code, out, err } = await command(...argv)
    expect([code, out]).toEqual([expected, ''])
    expect(err).toContain(message)
    expect(err).not.toMatch(/\n\s+at /)
  })

  it('says of which input the words are doubtful', async () => {
    const { root, place } = folderOf(1)
    const report = (listener: EngineListener) => listener.unrecognized?.({ start: 0, end: 5000, reason: 'noWords' })
    const engine = scriptedEngine([], { events: [{ at: 500, report }] })
    const { err } = await command(path.join(root, 'v'), '--format', 'jsonl', ...(await hearing({ engine })))
    expect(err).toContain(`${place(0)}.wav: note: many words are probably wrong or missing: no words for 5 s of 5 s`)
    const lines = readFileSync(path.join(root, `${place(0)}.jsonl`), 'utf8')
    expect(lines).toMatch(/"type":"unrecognized","start":0,"end":5000,[^]*"type":"summary".*"unrecognizedMs":5000/)
  })

  it('has one exit code', () => {
    expect(batchExitCode({ failed: 0, withGaps: 0 }, false)).toBe(0)
    expect(batchExitCode({ failed: 0, withGaps: 1 }, false)).toBe(5)
    expect(batchExitCode({ failed: 1, withGaps: 1 }, false)).toBe(6)
    expect(batchExitCode({ failed: 1, withGaps: 1 }, true)).toBe(130)
  })
})

it('is told of by the guide', () => {
  const guide = readFileSync(path.resolve(import.meta.dirname, '../../../docs/many-files.md'), 'utf8')
  for (const option of [
    '--output-dir',
    '--format',
    '--skip-existing',
    '--overwrite',
    '--jobs',
    '--continue-on-error',
  ]) {
    expect(guide).toContain(option)
  }
})
