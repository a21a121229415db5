import { randomUUID } from 'node:crypto'
import type { PrerecordedFault } from './faults.ts'
import type { Heard } from './hearing.ts'

/** A transcript that a client asked for. */
export interface PrerecordedTranscript {
  readonly id: string
  readonly status: 'queued' | 'processing' | 'completed' | 'error'
  /** What was asked for. */
  readonly request: Readonly<Record<string, unknown>>
  /** Whether its client has deleted it. */
  readonly deleted: boolean
}

interface Job extends PrerecordedTranscript {
  status: PrerecordedTranscript['status']
  deleted: boolean
  created: Date
  audioUrl: string
  fault: PrerecordedFault
  /** Polls until it is ready. */
  left: number
}

/** An answer that is no success. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** What was uploaded, the transcripts that are made of it, and what a client is shown of them. */
export class Transcripts {
  readonly #polls: number
  /** What was heard in each upload, by its address. */
  readonly #uploads = new Map<string, Heard>()
  readonly #jobs = new Map<string, Job>()

  /** @param polls - how often one is not ready yet when it is asked for. */
  constructor(polls: number) {
    this.#polls = polls
  }

  get uploads(): number {
    return this.#uploads.size
  }

  /** All that were asked for, in order. */
  get all(): readonly PrerecordedTranscript[] {
    return [...this.#jobs.values()]
  }

  addUpload(address: string, heard: Heard): void {
    this.#uploads.set(address, heard)
  }

  /** @throws Refusal for what the API would refuse. */
  create(asked: unknown, fault: PrerecordedFault): object {
    const request = checkedRequest(asked)
    const job: Job = {
      id: randomUUID(),
      status: 'queued',
      request,
      deleted: false,
      created: new Date(),
      audioUrl: request['audio_url'] as string,
      fault,
      left: this.#polls,
    }
    this.#jobs.set(job.id, job)
    return this.#shown(job)
  }

  /** A look at one, which brings it forward. @throws Refusal */
  poll(id: string): object {
    const job = this.#job(id)
    this.#progress(job)
    return this.#shown(job)
  }

  /** @throws Refusal */
  delete(id: string): object {
    const job = this.#job(id)
    job.deleted = true
    return this.#shown(job)
  }

  #job(id: string): Job {
    const job = this.#jobs.get(id)
    if (job === undefined) throw new Refusal(404, 'Transcript lookup error, transcript id not found')
    return job
  }

  #progress(job: Job): void {
    if (job.status === 'completed' || job.status === 'error') return
    if (job.left > 0 || job.fault.fault === 'neverReady') {
      job.status = job.left === this.#polls ? 'queued' : 'processing'
      job.left -= 1
      return
    }
    job.status = this.#problemOf(job) === undefined ? 'completed' : 'error'
  }

  #problemOf({ fault, audioUrl }: Job): string | undefined {
    if (fault.fault === 'failed') return fault.message ?? 'Transcoding failed. The file holds no audio.'
    const heard = this.#uploads.get(audioUrl)
    return heard === undefined ? `Download error, unable to access file at ${audioUrl}` : heard.problem
  }

  #shown(job: Job): object {
    const { id, status, request, deleted, audioUrl, fault } = job
    const models = request['speech_models'] as string[] | undefined
    const shown = {
      ...request,
      id,
      status,
      audio_url: audioUrl,
      text: null,
      words: null,
      utterances: null,
      error: null,
    }
    if (deleted) return { ...shown, status: 'completed', audio_url: 'http://deleted_by_user', text: 'Deleted by user.' }
    if (status === 'error') return { ...shown, error: this.#problemOf(job) }
    const heard = this.#uploads.get(audioUrl)
    if (status !== 'completed' || heard === undefined) return shown
    const until = fault.fault === 'cutShort' ? (fault.heardMs ?? 1000) : Infinity
    return {
      ...shown,
      ...heard.transcript(request['speaker_labels'] === true, until),
      audio_duration: Math.round(Math.min(heard.duration, until) / 1000),
      language_code: request['language_code'] ?? heard.language ?? 'en_us',
      speech_model_used: models?.[0] ?? 'universal-2',
    }
  }

  /** A page of all, the newest first, as `address` asks for it. @throws Refusal */
  list(address: URL): object {
    const limit = Number(address.searchParams.get('limit') ?? 10)
    if (!Number.isInteger(limit) || limit < 1 || limit > 200) throw new Refusal(400, "'limit' must be from 1 to 200")
    const newest = [...this.#jobs.values()].toReversed().slice(0, limit)
    const transcripts = newest.map(({ id, status, created, audioUrl, deleted }) => ({
      id,
      status,
      created: created.toISOString(),
      completed: status === 'completed' ? new Date().toISOString() : null,
      audio_url: deleted ? 'http://deleted_by_user' : audioUrl,
      resource_url: `${address.origin}/v2/transcript/${id}`,
      error: null,
    }))
    const details = {
      limit,
      result_count: transcripts.length,
      current_url: address.href,
      prev_url: null,
      next_url: null,
    }
    return { page_details: details, transcripts }
  }
}

const fieldTypes: Readonly<Record<string, (value: unknown) => boolean>> = {
  audio_url: (value) => typeof value === 'string' && URL.canParse(value),
  speech_models: (value) => Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string'),
  speaker_labels: (value) => typeof value === 'boolean',
  language_detection: (value) => typeof value === 'boolean',
  language_code: (value) => typeof value === 'string',
  speakers_expected: Number.isInteger,
  speaker_options: (value) => typeof value === 'object',
  keyterms_prompt: (value) => Array.isArray(value) && value.length <= 1000,
}

function checkedRequest(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Refusal(400, 'The body is no object')
  const fields = body as Record<string, unknown>
  if (fields['audio_url'] === undefined) throw new Refusal(400, "'audio_url' is required")
  for (const [name, fits] of Object.entries(fieldTypes)) {
    const value = fields[name]
    if (value !== undefined && value !== null && !fits(value)) throw new Refusal(400, `'${name}' is not valid`)
  }
  return fields
}
