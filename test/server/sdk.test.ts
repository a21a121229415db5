import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import type { BeginMessage, SpeakerRevisionMessage, TurnMessage } from '../../src/protocol/messages.ts'
import { serve, type StreamingServer } from '../../src/server/index.ts'
import { scriptedEngine } from '../../src/testing/index.ts'
import { certificate } from '../helpers/certificate.ts'

interface Report {
  begin: BeginMessage
  cappedBegin: BeginMessage
  beginTomorrow: BeginMessage
  heard: { turns: TurnMessage[]; revisions: SpeakerRevisionMessage[]; errors: unknown[] }
  bad: { errors: unknown[]; close: unknown }
}

let server: StreamingServer | undefined
afterEach(async () => {
  await server?.close()
})

describe('the official SDK, unchanged, over wss', () => {
  it('opens, reads labelled turns and revisions, terminates, uses tokens and sees errors', async () => {
    const { key, cert, caFile } = await certificate()
    const engine = scriptedEngine([
      { words: 'Good morning', start: 100, end: 800, speaker: 'A' },
      { words: 'Hello', start: 1600, end: 2000, speaker: 'A', revisedSpeaker: 'B' },
    ])
    server = await serve({ engine, tls: { key, cert }, host: 'localhost', apiKeys: ['sdk-key'] })

    const script = fileURLToPath(new URL('sdk-client.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [script, server.url], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile },
      timeout: 50_000,
    })
    const report: Report = JSON.parse(stdout)

    expect(report.begin.configuration).toMatchObject({ model: 'universal-3-6-pro', speaker_labels: true })
    expect(report.beginTomorrow.configuration).toMatchObject({ model: 'universal-9-pro' })
    expect(report.cappedBegin.expires_at - report.begin.expires_at).toBeLessThan(-10_000)
    const finals = report.heard.turns.filter((turn) => turn.end_of_turn)
    expect(finals.map((turn) => [turn.transcript, turn.speaker_label])).toEqual([
      ['Good morning', 'A'],
      ['Hello', 'A'],
    ])
    expect(report.heard.revisions.flatMap(({ revisions }) => revisions)).toEqual([
      expect.objectContaining({ turn_order: 1, speaker_label: 'B' }),
    ])
    expect(report.heard.errors).toEqual([])
    expect(report.bad).toMatchObject({
      errors: [{ code: 3007, message: expect.stringContaining('Input Duration Violation: 1200.0 ms') }],
      close: { code: 3007, reason: 'See Error message for details' },
    })
    expect(engine.sessions[0]?.settings).toMatchObject({ speakerLabels: true, maxSpeakers: 2, keyterms: ['Zürich'] })
    expect(engine.sessions.map((session) => session.state)).toEqual(Array(4).fill('destroyed'))
  })
})
