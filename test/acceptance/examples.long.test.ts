import { copyFile, mkdir, mkdtemp, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { httpFaultServer, rtspFaultServer } from 'diarize-stream/testing'
import { clipFolder, example, startExample } from '../helpers/example.ts'
import { ffmpeg } from '../helpers/media.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const made = clipFolder()

describe('every other example runs', { timeout: 300_000 }, () => {
  it('call-recording', async () => {
    const call = join(made.folder, 'call.wav')
    const output = join(made.folder, 'call.vtt')
    // The clip as a telephone call of its first three turns: the second is of the other speaker, on the other channel.
    const second = "enable='between(t,4.6,7.4)'"
    const others = "enable='lt(t,4.6)+gt(t,7.4)'"
    const split = `[0:a]asplit[a][b];[a]volume=0:${second}[l];[b]volume=0:${others}[r];[l][r]join=inputs=2[call]`
    const source = ['-i', join(root, 'demo', 'dialogue.mp4'), '-t', '10', '-filter_complex', split, '-map', '[call]']
    await ffmpeg(...source, '-ar', '8000', '-c:a', 'pcm_mulaw', call)
    const printed = await example('call-recording.ts', [call, output])
    expect(printed).toMatch(/^Agent is heard by sherpa-onnx\nCustomer is heard by sherpa-onnx\n/)
    expect(printed).toMatch(/ turns of Agent and Customer are in /)
    const voices = [...(await readFile(output, 'utf8')).matchAll(/^<v (\w+)>/gm)].map(([, name]) => name)
    expect(voices.filter((name, index) => name !== voices[index - 1])).toEqual(['Agent', 'Customer', 'Agent'])
  })

  it('who-is-who', async () => {
    const workplace = await mkdtemp(join(made.folder, 'voices-'))
    const [clip, talk, output] = ['alice.wav', 'talk.wav', 'talk.srt'].map((name) => join(workplace, name))
    const dialogue = join(root, 'demo', 'dialogue.mp4')
    await ffmpeg('-ss', '0.4', '-t', '4', '-i', dialogue, clip!)
    await ffmpeg('-t', '20', '-i', dialogue, talk!)
    const printed = await example('who-is-who.ts', ['Alice', clip!, talk!, output!], workplace)
    expect(printed).toMatch(/^Alice is in .*voices\.json, by \d\.\d s of speech\nthe captions are in /)
    const captions = await readFile(output!, 'utf8')
    expect(captions).toMatch(/^Alice: /m)
    expect(captions).toMatch(/^Speaker [A-Z]: /m)
    expect(captions).not.toMatch(/^Speaker A: /m)
  })

  it('demo', async () => {
    const workplace = join(made.folder, 'workplace')
    await mkdir(join(workplace, 'demo'), { recursive: true })
    await copyFile(made.clip, join(workplace, 'demo', 'dialogue.mp4'))
    const printed = await example('demo.ts', [], workplace)
    expect(printed).toMatch(/Engine: sherpa-onnx/)
    expect(printed).toMatch(/Speaker A: /)
    expect(printed).toMatch(/demo\/output\/dialogue\.srt/)
  })

  it('camera', async () => {
    const workplace = await mkdtemp(join(made.folder, 'camera-'))
    const sound = join(workplace, 'sound.pcm')
    await ffmpeg('-i', made.clip, '-ar', '16000', '-ac', '1', '-f', 's16le', sound)
    const pcm = await readFile(sound)
    // Eight seconds of the clip in turn with four of silence, so that there is something to hear at any time.
    const camera = await rtspFaultServer([{ fault: 'drop', afterMs: 2000 }], {
      pcm: Buffer.concat([pcm, Buffer.alloc(4 * 32_000)]),
      loop: true,
    })
    const running = startExample('camera.ts', [camera.url, '8'], workplace)
    // The second connection is that after the fault, the third that of the second file.
    await running.wrote(/^camera-\S+: 8 s, \d+ turns, 1 gaps$/m)
    await vi.waitFor(
      () => {
        const { playedFrom = 0, playedTo = 0 } = camera.connections[2] ?? {}
        expect(playedTo - playedFrom).toBeGreaterThan(3000)
      },
      { timeout: 60_000 },
    )
    running.child.kill('SIGINT')
    expect(await running.ended).toBe(0)
    expect(running.printed).toMatch(/^INPUT_LOST: .*; attempt 1 in \d+ ms$/m)
    expect(running.printed).toMatch(/^no audio from \d+ to \d+ ms$/m)
    const files = await readdir(workplace)
    expect(files.filter((name) => name.endsWith('.vtt'))).toHaveLength(2)
    expect(files.filter((name) => name.endsWith('.jsonl'))).toHaveLength(2)
    await camera.close()
  })

  it('radio', async () => {
    const song = join(made.folder, 'radio.mp3')
    await ffmpeg('-i', made.clip, '-b:a', '64k', song)
    const station = { endless: true, bytesPerSecond: 16_000, headers: { 'icy-name': 'Test' }, type: 'audio/mpeg' }
    const server = await httpFaultServer(await readFile(song), [], station)
    const printed = await example('radio.ts', [server.url('/radio'), '8'], made.folder)
    expect(printed).toMatch(/^\[00:00:00\] Speaker A: Good morning/)
    expect(await readFile(join(made.folder, 'radio.vtt'), 'utf8')).toMatch(/<v Speaker A>Good morning/)
    await server.close()
  })

  it('long-form', async () => {
    const output = join(made.folder, 'video.vtt')
    expect(await example('long-form.ts', [made.clip, output])).toMatch(/session on sherpa-onnx/)
    expect(await readFile(output, 'utf8')).toMatch(/^WEBVTT\n\n1\n00:00:0\d\.\d{3} --> 00:00:0\d\.\d{3}\n<v Alan>/)
  })

  it('opentelemetry', async () => {
    const output = join(made.folder, 'traced.srt')
    const spans = await example('opentelemetry.ts', [made.clip, output])
    expect(spans).toMatch(/name: 'session',.*engine: 'embedded',.*name: 'turn',.*speaker: 'A',/s)
    expect(spans).toMatch(
      /name: 'file',.*path: '[^']*traced\.srt',\s+stage: 'srtSink\(\)'\s+\},\s+status: \{ code: 0 \}/s,
    )
  })

  it('your-own-readable', async () => {
    expect(await example('your-own-readable.ts')).toMatch(/^\[A\] good morning/im)
  })

  it('without-cloud', async () => {
    const output = join(made.folder, 'own-server.srt')
    const printed = await example('without-cloud.ts', [made.clip, output])
    expect(printed).toMatch(/^client: heard by a server, model whisper-tiny\.en$/m)
    expect(await readFile(output, 'utf8')).toMatch(/Speaker A: /)
  })

  it('your-own-sink', async () => {
    const table = join(made.folder, 'speakers.csv')
    await example('your-own-sink.ts', [made.clip, join(made.folder, 'own.srt'), table])
    expect(await readFile(table, 'utf8')).toMatch(/^speaker,seconds\nA,\d\.\d\n/)
  })

  it('labels-and-revisions', async () => {
    const printed = await example('labels-and-revisions.ts', [made.clip, '2'])
    const latest = new Map([...printed.matchAll(/^(\d+)\.\d+ (.*)$/gm)].map(([, order, text]) => [order, text]))
    expect(latest.get('0')).toMatch(/^\[A\] good morning/i)
  })
})
