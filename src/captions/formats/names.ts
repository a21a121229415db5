/** All formats; by itself, so that a command line can be read before anything that writes them is loaded. */
export const captionFormats = [
  ...(['srt', 'vtt', 'ass', 'ttml', 'sbv', 'lrc'] as const),
  ...(['jsonl', 'txt', 'docx', 'csv', 'json'] as const),
  ...(['rttm', 'ctm', 'stm'] as const),
] as const

/** A format of captions or transcripts, called by the ending of its files. */
export type CaptionFormat = (typeof captionFormats)[number]

/** Formats of cues, which are laid out. */
export const laidOutFormats: readonly CaptionFormat[] = ['srt', 'vtt', 'ass', 'ttml', 'sbv', 'lrc']
