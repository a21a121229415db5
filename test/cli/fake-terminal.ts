// oxlint-disable-next-line no-control-regex
const COMMANDS = /(\u001B\[(\d*)([AJ])|\r|\n)|([^\u001B\r\n]+)/g

/** A terminal that understands line ends, and the three commands that a live view writes beside colours. */
export class FakeTerminal {
  written = ''
  columns: number

  constructor(columns: number) {
    this.columns = columns
  }

  write(text: string): void {
    this.written += text
  }

  /** The lines to be seen. */
  get screen(): string[] {
    const lines = ['']
    for (const [, command, count, letter, text = ''] of this.written.matchAll(COMMANDS)) {
      if (command === '\n') lines.push('')
      else if (letter === 'A') lines.length = Math.max(1, lines.length - Number(count))
      else if (letter === 'J') lines[lines.length - 1] = ''
      else lines[lines.length - 1] += text
    }
    return lines.filter((line) => line !== '')
  }
}
