/** A command of a guide, and what it should write. */
export interface GuideCommand {
  /** Lines of a shell. */
  script: string
  /** What the guide shows of the output, if it shows any. */
  output: string | undefined
  /** Whether all numbers may differ, since they are those of a clock. */
  anyNumbers: boolean
  /** Whether it goes on, as in another terminal, while the next ones run. */
  isServer: boolean
}

/**
 * The commands that a guide marks by `sh run`, or `sh server` where they are to go on, in order. The fence after one, if it is marked by `text output`, holds the
 * output; with `numbers` behind that its numbers may be any.
 */
export function guideCommands(markdown: string): GuideCommand[] {
  const fences = [...markdown.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(([, info = '', body = '']) => ({
    info,
    body,
  }))
  return fences.flatMap(({ info, body }, at): GuideCommand[] => {
    if (info !== 'sh run' && info !== 'sh server') return []
    const next = fences[at + 1]
    const isOutput = next?.info.startsWith('text output') === true
    return [
      {
        script: body,
        output: isOutput ? next.body : undefined,
        anyNumbers: isOutput && next.info.endsWith(' numbers'),
        isServer: info === 'sh server',
      },
    ]
  })
}

/**
 * Output without what depends on the clock: captions stay as long as it takes until the next words are there, and files
 * and ports have names of the moment. Words stay as they are.
 */
export function comparable(output: string, anyNumbers = false): string {
  const known = output
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'ID')
    .replaceAll(/--> (?:\d+:)?\d\d:\d\d[.,]\d{3}/g, '--> END')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    .replaceAll(/\bin \d+\.\d s\b/g, 'in SECONDS s')
    .trimEnd()
  return anyNumbers ? known.replaceAll(/\d+/g, '#') : known
}
