import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { comparable, guideCommands } from '../helpers/guide.ts'
import { ffmpeg } from '../helpers/media.ts'
import { Workplaces } from '../helpers/workplaces.ts'
import { root } from '../package/user-project.ts'

const guides = join(root, 'docs', 'guides')
const names = (await readdir(guides)).filter((name) => name.endsWith('.md'))
let workplaces: Workplaces

beforeAll(async () => {
  workplaces = await Workplaces.open()
})

afterAll(() => workplaces.close())

// Where the output has changed for a good reason, npx tsx scripts/update-guides.ts puts the new one into the guides.
describe('the commands of a guide do what it says, with the package as it is packed', () => {
  it('finds the guides', () => expect(names.length).toBeGreaterThanOrEqual(10))

  it.concurrent.each(names)('%s', { timeout: 300_000 }, async (name) => {
    const commands = guideCommands(await readFile(join(guides, name), 'utf8'))
    const folder = await workplaces.make(name)
    await workplaces.follow(commands, folder, ({ script, output, anyNumbers }, code, printed) => {
      const expected = output ?? printed
      expect(comparable(printed, anyNumbers)).toBe(comparable(expected, anyNumbers))
      expect({ script, code }).toEqual({ script, code: 0 })
    })
  })
})

/** Runs an example in a workplace of its own, and gives what it has written to standard output. */
async function example(name: string, ...args: readonly string[]): Promise<{ printed: string; folder: string }> {
  const folder = await workplaces.make(name)
  const running = workplaces.example(folder, name, ...args)
  const code = await running.ended
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${running.printed}`)
  return { printed: running.out, folder }
}

// caption-a-video.ts, that of the README, is run by test/package.
describe('examples that no guide runs, with nothing but the clip', { timeout: 300_000 }, () => {
  it.concurrent('who-is-who.ts', async () => {
    const folder = await workplaces.make('who-is-who')
    await ffmpeg('-ss', '0.4', '-t', '4', '-i', join(folder, 'talk.mp4'), join(folder, 'alice.wav'))
    const running = workplaces.example(folder, 'who-is-who.ts')
    expect(await running.ended).toBe(0)
    expect(running.out).toMatch(/^Alice is in .*voices\.json, by \d\.\d s of speech\nthe captions are in talk\.srt\n/)
    const captions = await readFile(join(folder, 'talk.srt'), 'utf8')
    expect(captions).toMatch(/^Alice: /m)
    expect(captions).toMatch(/^Speaker [A-Z]: /m)
    expect(captions).not.toMatch(/^Speaker A: /m)
  })

  it.concurrent('demo.ts', async () => {
    const { printed } = await example('demo.ts')
    expect(printed).toMatch(/^Engine: sherpa-onnx/m)
    expect(printed).toMatch(/^Speaker A: /m)
    expect(printed).toMatch(/^ {2}captions\/talk\.srt$/m)
  })

  it.concurrent('long-form.ts', async () => {
    const { printed, folder } = await example('long-form.ts', 'talk.mp4', 'video.vtt')
    expect(printed).toMatch(/session on sherpa-onnx/)
    const captions = await readFile(join(folder, 'video.vtt'), 'utf8')
    expect(captions).toMatch(/^WEBVTT\n\n1\n00:00:0\d\.\d{3} --> 00:00:0\d\.\d{3}\n<v Alan>/)
  })

  it.concurrent('opentelemetry.ts', async () => {
    const { printed } = await example('opentelemetry.ts', 'talk.mp4', 'traced.srt')
    expect(printed).toMatch(/name: 'session',.*engine: 'embedded',.*name: 'turn',.*speaker: 'A',/s)
    expect(printed).toMatch(
      /name: 'file',.*path: '[^']*traced\.srt',\s+stage: 'srtSink\(\)'\s+\},\s+status: \{ code: 0 \}/s,
    )
  })

  it.concurrent('your-own-readable.ts', async () => {
    expect((await example('your-own-readable.ts')).printed).toMatch(/^\[A\] good morning/im)
  })

  it.concurrent('camera.ts, which Ctrl-C ends in good order', async () => {
    const folder = await workplaces.make('camera')
    const servers = workplaces.example(folder, 'test-servers.ts', 'talk.mp4', '0', '0')
    await servers.wrote(/\n/)
    const [address = ''] = /rtsp:\S+/.exec(servers.out) ?? []
    const camera = workplaces.example(folder, 'camera.ts', address)
    // The gap comes after the camera is back.
    await camera.wrote(/^no audio from \d+ to \d+ ms$/m)
    camera.child.kill('SIGINT')
    expect(await camera.ended).toBe(0)
    expect(camera.printed).toMatch(/^camera-\S+: \d+ s, \d+ turns, 1 gaps$/m)
    const captions = (await readdir(folder)).find((file) => /^camera-.*\.vtt$/.test(file))
    // The camera is joined in the middle of a word, and five seconds later all of that may turn out to be of B.
    expect(await readFile(join(folder, captions!), 'utf8')).toMatch(/^<v Speaker [AB]>/m)
  })

  it.concurrent('microphone.ts, which says in a line that there is none', async () => {
    const folder = await workplaces.make('microphone')
    const running = workplaces.example(folder, 'microphone.ts', '2')
    const code = await running.ended
    // Most machines that run tests have none.
    if (code !== 0) console.warn('the example of the microphone has met no microphone')
    const shown = code === 0 ? 'NO_MICROPHONE: but there is one\n' : running.printed
    expect(shown).toMatch(/^(?:[* ] \S+: .*\n)*NO_MICROPHONE: .+\n$/)
  })

  it.concurrent('finished-file.ts, which says what is missing', async () => {
    const folder = await workplaces.make('finished-file')
    const running = workplaces.example(folder, 'finished-file.ts')
    expect(await running.ended).toBe(1)
    expect(running.printed).toMatch(/ASSEMBLYAI_API_KEY/)
  })
})
