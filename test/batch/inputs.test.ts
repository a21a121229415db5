import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { findInputs, mediaBeside, parseList } from '../../src/batch/inputs.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()

/** Makes files below a new folder. */
function filled(...files: string[]): string {
  const root = directory()
  for (const file of files) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), file)
  }
  return root
}

describe('findInputs', () => {
  it('takes all media of a folder, in the order of numbers, and nothing else', async () => {
    const root = filled(
      'v/talk10.mp4',
      'v/talk2.MP4',
      'v/notes.md',
      'v/.hidden.mp4',
      'v/.git/a.mp4',
      'v/day/x.wav',
      'v/program.ts',
    )
    const packets = Buffer.alloc(188 * 3)
    for (const at of [0, 188, 376]) packets[at] = 0x47
    writeFileSync(path.join(root, 'v/record.ts'), packets)
    symlinkSync(path.join(root, 'v'), path.join(root, 'v/day/circle'))
    // It would wait for somebody who writes.
    execFileSync('mkfifo', [path.join(root, 'v/pipe.wav')])
    const found = await findInputs([path.join(root, 'v')])
    expect(found.map(({ input, folder }) => [path.relative(root, input), folder])).toEqual([
      ['v/day/x.wav', 'v/day'],
      ['v/record.ts', 'v'],
      ['v/talk2.MP4', 'v'],
      ['v/talk10.mp4', 'v'],
    ])
    expect(found[1]?.bytes).toBe(564)
  })

  it('finds the media that lie beside a file and have its name', async () => {
    const root = filled('v/talk.MP4', 'v/talk.wav', 'v/talk.srt', 'v/talk.ts', 'v/talk2.mp4', 'v/deep/talk.mp4')
    const beside = async (name: string): Promise<string[]> =>
      (await mediaBeside(path.join(root, name))).map((file) => path.relative(root, file))
    expect(await beside('v/talk.jsonl')).toEqual(['v/talk.MP4', 'v/talk.wav'])
    expect(await beside('v/talk2.mp4.jsonl')).toEqual(['v/talk2.mp4'])
    expect(await beside('none/talk.jsonl')).toEqual([])
  })

  it('takes each input once, whatever it is called', async () => {
    const root = filled('v/talk.mp4', 'v/other.mp4')
    symlinkSync(path.join(root, 'v/talk.mp4'), path.join(root, 'v/zlink.mp4'))
    const found = await findInputs([path.join(root, 'v/talk.mp4'), path.join(root, 'v'), `${root}/v/../v/talk.mp4`])
    expect(found.map(({ input }) => path.basename(input))).toEqual(['talk.mp4', 'other.mp4'])
  })

  it('reads lists, whose paths are relative to them', async () => {
    const root = filled('v/talk.mp4', 'v/deep/a.mp3')
    const list = [
      '\uFEFF# lectures',
      'v/talk.mp4',
      '',
      ' v/deep \r',
      'missing.mp4',
      'https://example.com/x/index.m3u8\topening',
    ]
    writeFileSync(path.join(root, 'list.txt'), list.join('\n'))
    const found = await findInputs([path.join(root, 'list.txt')])
    expect(found.map(({ input, folder, name }) => [input.replace(`${root}/`, ''), folder, name])).toEqual([
      ['v/talk.mp4', '', undefined],
      ['v/deep/a.mp3', 'deep', undefined],
      ['missing.mp4', '', undefined],
      ['https://example.com/x/index.m3u8', '', 'opening'],
    ])
    expect(parseList('a\n#b\n./#c\n')).toEqual([{ input: 'a' }, { input: './#c' }])
  })

  it.each([
    ['mic', 'inputs, when given, must be files, folders, lists, and addresses that begin with http: or https:'],
    ['-', 'must be files'],
    ['file://[', 'must be a file: URL of this machine'],
    ['rtsp://user:secret@camera/1', 'must be files'],
    ['/does/not/exist.txt', 'does not exist'],
    [{ input: 'a.mp4', name: '../a' }, 'inputs[0].name, when given, must be a name without ending'],
    [{ input: 'a.mp4', name: '/a' }, 'inputs[0].name'],
    ['', 'inputs[0], when given, must be a path'],
  ])('refuses %j', async (input, message) => {
    const error: Error = await findInputs([input]).then(
      () => new Error('nothing'),
      (reason: Error) => reason,
    )
    expect(error.message).toContain(message)
    expect(error.message).not.toContain('secret')
  })

  it('says where there is nothing', async () => {
    const root = filled('v/notes.md')
    await expect(findInputs([path.join(root, 'v')])).rejects.toThrow('there is no audio or video in')
    // What is named itself is tried, whatever its ending.
    expect(await findInputs([path.join(root, 'v/notes.md')])).toHaveLength(1)
  })
})
