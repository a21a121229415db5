import { ChannelLayout } from '../../captions/layout/channels.ts'
import type { UnnumberedCue } from '../../captions/layout/layout.ts'
import { type CueLayoutOptions, layoutSettings } from '../../captions/layout/options.ts'
import { type CaptionReport, CaptionReporter } from '../../captions/report.ts'
import { type Utterance, UtteranceCollector } from '../../captions/utterances.ts'
import type { Turn } from '../../model.ts'
import { Writable } from 'node:stream'

/** A sink that lays turns out and measures the cues; revisions of turns are left out. */
export class ReportSink extends Writable {
  readonly #collector = new UtteranceCollector()
  readonly #layout: ChannelLayout
  readonly #reporter: CaptionReporter
  #newest = -1

  constructor(options: CueLayoutOptions) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#layout = new ChannelLayout(layoutSettings(options))
    this.#reporter = new CaptionReporter(options)
  }

  get report(): CaptionReport {
    return this.#reporter.report()
  }

  override _write(turn: Turn, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    for (const utterance of this.#collector.add(turn)) this.#add(utterance)
    done()
  }

  override _final(done: (error?: Error | null) => void): void {
    for (const utterance of this.#collector.end()) this.#add(utterance)
    this.#measure(this.#layout.close(Infinity))
    done()
  }

  #add(utterance: Utterance): void {
    if (utterance.turn !== undefined) {
      if (utterance.turn.order <= this.#newest) return
      this.#newest = utterance.turn.order
    }
    this.#measure(this.#layout.add(utterance))
  }

  #measure(cues: readonly UnnumberedCue[]): void {
    for (const cue of cues) this.#reporter.add(cue)
  }
}
