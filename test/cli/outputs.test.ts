import { expect, it } from 'vitest'
import { parseCommand, type Command } from '../../src/cli/arguments.ts'
import { inputKind, isTranscript, openInput } from '../../src/cli/input.ts'
import { checkpointOf } from '../../src/cli/resume.ts'
import { storedOutputs } from '../../src/cli/outputs.ts'

const parsed = (...argv: string[]) => parseCommand(argv) as Command
const { signal } = new AbortController()

it('writes JSONL only to S3', async () => {
  await expect(storedOutputs(parsed('a.mp4', '-o', 's3://bucket/a.srt'), signal)).rejects.toThrow('must end in .jsonl')
  const rotated = parsed('a.mp4', '-o', 's3://bucket/{date}.jsonl', '--rotate', 'hour')
  await expect(storedOutputs(rotated, signal)).rejects.toThrow('--rotate is for files')
  await expect(storedOutputs(parsed('a.mp4', '-o', 's3:///a.jsonl'), signal)).rejects.toThrow('s3://bucket/key')
  expect(() => parsed('a.mp4', 'b.mp4', '--output-dir', 's3://bucket/a')).toThrow('--output-dir must be a folder')
})

it('reads transcripts from S3, and recordings by their addresses', () => {
  expect(isTranscript('s3://bucket/a.jsonl')).toBe(true)
  expect(() => inputKind('s3://bucket/a.mp4')).toThrow('give an address of https: for a recording')
  expect(() => parsed('s3://bucket/a.jsonl', '-o', 'a.srt', '--speakers', '2')).toThrow('not heard again')
})

it('opens a transcript in S3 without asking for it before somebody reads', async () => {
  const source = await openInput(parsed('s3://bucket/a.jsonl', '-o', 'a.srt'))
  expect(source.readableObjectMode).toBe(true)
  source.destroy()
})

it('keeps a checkpoint beside a file, or where it is told to', () => {
  expect(checkpointOf(parsed('a.mp4', '-o', 's3://b/a.jsonl', '-o', 'a.srt', '--resume'))?.file).toBe(
    'a.srt.checkpoint',
  )
  expect(() => checkpointOf(parsed('a.mp4', '-o', 's3://b/a.jsonl', '--resume'))).toThrow('give --checkpoint <file>')
  const done = new Map([['s3://b/a.jsonl', { bytes: 10, epoch: 1, isComplete: true }]])
  const command = parsed('a.mp4', '-o', 's3://b/a.jsonl', '--resume', '--checkpoint', 'no-such.checkpoint')
  expect(() => checkpointOf(command, done)).toThrow('there is nothing to resume')
  expect(checkpointOf(command)).toEqual({ file: 'no-such.checkpoint', isThere: false })
})
