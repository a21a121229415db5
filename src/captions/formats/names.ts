/** A format of captions or transcripts, called by the ending of its files. */
export type CaptionFormat = 'srt' | 'vtt' | 'ass' | 'jsonl' | 'txt' | 'rttm' | 'ctm' | 'stm'

/** All of them; by itself, so that a command line can be read before anything that writes them is loaded. */
export const captionFormats: readonly CaptionFormat[] = ['srt', 'vtt', 'ass', 'jsonl', 'txt', 'rttm', 'ctm', 'stm']
