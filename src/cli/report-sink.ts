import { Writable } from 'node:stream'
import type { UnnumberedCue } from '../captions/layout.ts'
import { layoutSettings, type CueLayoutOptions } from '../captions/layout-options.ts'
import { ChannelLayout } from '../captions/channel-layout.ts'
import { PassageCollector, type Passage } from '../captions/passages.ts'
import { CaptionReporter, type CaptionReport } from '../captions/report.ts'
import type { Turn } from '../model.ts'

/** A sink that lays turns out and measures the cues; revisions of turns are left out. */
export class ReportSink extends Writable {
  readonly #collector = new PassageCollector()
  readonly #layout: ChannelLayout
  readonly #reporter: CaptionReporter
  #newest = -1

  constructor(options: CueLayoutOptions) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#layout = new ChannelLayout(layoutSettings(options))
    this.#reporter = new CaptionReporter(options)
  }

  /** What was found so far. */
  get report(): CaptionReport {
    return this.#reporter.report()
  }

  override _write(turn: Turn, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    for (const passage of this.#collector.add(turn)) this.#add(passage)
    done()
  }

  override _final(done: (error?: Error | null) => void): void {
    for (const passage of this.#collector.end()) this.#add(passage)
    this.#measure(this.#layout.close(Infinity))
    done()
  }

  #add(passage: Passage): void {
    const { order = -1 } = passage.turn ?? {}
    if (order <= this.#newest) return
    this.#newest = order
    if (this.#layout.begins(passage)) this.#measure(this.#layout.close(passage.segments[0]?.start))
    this.#measure(this.#layout.add(passage))
  }

  #measure(cues: readonly UnnumberedCue[]): void {
    for (const cue of cues) this.#reporter.add(cue)
  }
}
