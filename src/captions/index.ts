export { layoutCues, type UnnumberedCue } from './layout/layout.ts'
export type { PreviousCue } from './layout/labels.ts'
export type { CueLayoutOptions, LabelStyle, LayoutWeights, PresetName } from './layout/options.ts'
export type { SpeakerNames } from './speakers.ts'
export {
  captionReport,
  CaptionReporter,
  formatCaptionReport,
  type CaptionReport,
  type CaptionReportOptions,
  type ReportLimits,
} from './report.ts'
export type { Cue, Segment, Word } from '../model.ts'
