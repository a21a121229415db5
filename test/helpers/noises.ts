import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'

/** Sounds in which nobody speaks, made by FFmpeg's generators; the same samples each time. */
export interface Noise {
  name: string
  /** A graph of FFmpeg's `lavfi` without inputs. */
  graph: string
  seconds: number
}

const coloured = (colour: string, amplitude: number): string => `anoisesrc=c=${colour}:a=${amplitude}:r=16000:seed=7`
const formula = (expression: string): string => `aevalsrc='${expression}':s=16000`
/** Sum of sines of `hz`, each of the same strength. */
const tones = (hz: readonly number[], amplitude: number): string =>
  hz.map((f) => `${amplitude / hz.length}*sin(2*PI*${f}*t)`).join('+')
/** Hum of the mains with its harmonics, each weaker than the one before. */
const hum = (hz: number, amplitude: number): string =>
  [1, 2, 3, 4, 5, 6, 7, 9, 11].map((n) => `${amplitude / n}*sin(2*PI*${n * hz}*t)`).join('+')
/** Picks one of `values` by the number in register 0. */
const pick = (values: readonly number[]): string =>
  values.reduceRight((rest, value, index) => (rest === '' ? `${value}` : `if(eq(ld(0),${index}),${value},${rest})`), '')
/** A melody of `perSecond` notes; `wave` is a formula of the phase in register 2, `p` a share of the note in register 3. */
const melody = (notes: readonly number[], perSecond: number, wave: string): string =>
  `st(0,mod(floor(t*${perSecond}),${notes.length}))*0+st(1,${pick(notes)})*0+st(2,mod(ld(1)*t,1))*0+` +
  `st(3,mod(t*${perSecond},1))*0+${wave}`
const scale = [262, 294, 330, 349, 392, 440, 494, 523]
const tune = [392, 330, 330, 349, 294, 294, 262, 294, 330, 349, 392, 392, 392, 392]
const sine = '0.4*sin(2*PI*ld(2))'
const harmonics = '(sin(2*PI*ld(2))+0.5*sin(4*PI*ld(2))+0.3*sin(6*PI*ld(2))+0.2*sin(8*PI*ld(2)))'
const keypad =
  `st(0,mod(floor(t*4),12))*0+st(1,${pick([697, 697, 697, 770, 770, 770, 852, 852, 852, 941, 941, 941])})*0+` +
  `st(2,${pick([1209, 1336, 1477, 1209, 1336, 1477, 1209, 1336, 1477, 1209, 1336, 1477])})*0+` +
  `lt(mod(t*4,1),0.5)*0.35*(sin(2*PI*ld(1)*t)+sin(2*PI*ld(2)*t))`
/** On for `on` of every `every` seconds. */
const gated = (on: number, every: number, expression: string): string => `lt(mod(t,${every}),${on})*(${expression})`

/** Each kind of noise; all of 12 s but where it says otherwise. */
export const noises: readonly Noise[] = [
  ...['white', 'pink', 'brown', 'blue', 'velvet'].flatMap((colour) =>
    [0.003, 0.03, 0.3].map((amplitude): [string, string] => [`${colour} ${amplitude}`, coloured(colour, amplitude)]),
  ),
  ...[50, 60].flatMap((hz) =>
    [0.02, 0.3].map((amplitude): [string, string] => [`hum ${hz} Hz ${amplitude}`, formula(hum(hz, amplitude))]),
  ),
  ['sine 440', formula('0.5*sin(2*PI*440*t)')],
  ['sine 1000 weak', formula('0.02*sin(2*PI*1000*t)')],
  ['square 440 full scale', formula('sgn(sin(2*PI*440*t))')],
  ['square 100 full scale', formula('sgn(sin(2*PI*100*t))')],
  ['saw 220', formula('0.5*(2*mod(220*t,1)-1)')],
  ['chord', formula(tones([262, 330, 392], 0.6))],
  ['chords', formula(`if(lt(mod(t,4),2),${tones([262, 330, 392], 0.6)},${tones([220, 262, 330, 440], 0.6)})`)],
  ['melody of sines', formula(melody(scale, 3, sine))],
  ['melody of squares', formula(melody(tune, 4, '0.3*sgn(sin(2*PI*ld(2)))'))],
  ['melody of saws', formula(melody(tune, 2, '0.3*(2*ld(2)-1)'))],
  ['plucked melody', formula(melody(tune, 3, `0.5*exp(-4*ld(3))*${harmonics}`))],
  ['plucked bass', formula(melody([82, 98, 110, 98], 2, `0.5*exp(-3*ld(3))*${harmonics}`))],
  ['organ with vibrato', formula('0.3*(sin(2*PI*220*t+2*sin(2*PI*6*t))+0.5*sin(4*PI*220*t+4*sin(2*PI*6*t)))')],
  ['band', formula(melody(tune, 4, `0.4*exp(-3*ld(3))*${harmonics}+0.3*exp(-20*mod(t*2,1))*(random(5)*2-1)`))],
  ['music with fades', `${formula(melody(scale, 5, `0.4*${harmonics}*(0.5+0.5*sin(t))`))},lowpass=f=3000`],
  ['keypad', formula(keypad)],
  ['dial tone', formula(tones([350, 440], 0.5))],
  ['dial tone 425', formula('0.4*sin(2*PI*425*t)')],
  ['ringing', formula(gated(2, 6, tones([440, 480], 0.5)))],
  ['busy', formula(gated(0.5, 1, tones([480, 620], 0.5)))],
  ['alarm', formula(gated(0.15, 0.4, '0.6*sgn(sin(2*PI*2500*t))'))],
  ['siren', formula('0.5*sin(2*PI*(900*t-150/PI*cos(2*PI*0.5*t)*4))')],
  ['siren of two tones', formula('0.5*sin(2*PI*if(lt(mod(t,1.2),0.6),440,585)*t)')],
  ['sweep', formula('0.5*sin(2*PI*(100*t+100*t*t))')],
  ['clicks', formula('lt(mod(t,0.5),0.002)*0.8')],
  ['typing', formula('gt(sin(17*t)*sin(5.3*t),0.6)*exp(-200*mod(t*7,1)/7)*(random(1)*2-1)')],
  ['knocking', formula('lt(mod(t,3),1)*exp(-30*mod(t*4,1)/4)*sin(2*PI*150*t)')],
  ['ticking', formula('exp(-150*mod(t,1))*0.3*(random(2)*2-1)')],
  ['applause', formula('0.25*(random(3)*2-1)*(exp(-8*mod(t*7.3,1))+exp(-8*mod(t*9.1,1))+exp(-8*mod(t*11.7,1)))')],
  ['applause that ends', formula('0.4*(random(3)*2-1)*exp(-t/4)*(0.3+exp(-6*mod(t*8.7,1)))')],
  ['breathing', `${coloured('pink', 0.3)},bandpass=f=1200:w=1500,volume='pow(max(0,sin(2*PI*t*0.3)),2)':eval=frame`],
  ['panting', `${coloured('white', 0.2)},bandpass=f=1500:w=1500,volume='pow(sin(2*PI*t*1.1),2)':eval=frame`],
  ['wind', `${coloured('brown', 0.8)},bandpass=f=400:w=500,volume='2+sin(t*0.9)+sin(t*2.3)':eval=frame`],
  ['howling wind', `${coloured('white', 0.5)},bandpass=f=600:w=60,volume='2+1.8*sin(t*1.3)':eval=frame`],
  ['rain', `${coloured('white', 0.15)},highpass=f=1500,tremolo=f=9:d=0.4`],
  ['thunder', `${coloured('brown', 0.9)},lowpass=f=150,volume='6*exp(-mod(t,6))':eval=frame`],
  ['sea', `${coloured('pink', 0.4)},volume='0.4+0.4*sin(2*PI*t*0.12)':eval=frame`],
  ['engine', formula('0.3*(2*mod(38*t,1)-1)*(0.7+0.3*sin(2*PI*9.5*t))+0.05*(random(4)*2-1)')],
  ['engine revving', formula('0.4*(2*mod(40*t+30*sin(t),1)-1)+0.05*(random(4)*2-1)')],
  ['vacuum cleaner', `${formula('0.2*sin(2*PI*240*t)+0.1*sin(2*PI*480*t)+0.3*(random(6)*2-1)')},lowpass=f=4000`],
  ['fan', `${coloured('pink', 0.2)},lowpass=f=800,tremolo=f=12:d=0.3`],
  ['crickets', formula('0.2*sin(2*PI*4500*t)*gt(sin(2*PI*28*t),0)*lt(mod(t,0.9),0.4)')],
  ['birds', formula('0.3*sin(2*PI*(3000*t+120*sin(2*PI*11*t)))*lt(mod(t,1.7),0.5)')],
  ['heart', formula('0.8*sin(2*PI*55*t)*(exp(-25*mod(t,0.9))+0.6*exp(-25*mod(t+0.6,0.9)))')],
  ['digital silence', formula('0')],
  ['a constant', formula('0.3')],
  ['one step', formula('gt(mod(t,1),0.5)/32768')],
  ['clipping noise', `${coloured('white', 1)},volume=30`],
  ['clipping brown noise', `${coloured('brown', 1)},volume=30`],
  ['static that comes and goes', `${coloured('white', 0.3)},volume='gt(sin(2*PI*t*0.4),0)':eval=frame`],
].map(([name, graph]) => ({ name: name!, graph: graph!, seconds: 12 }))

/** Mono PCM16 at 16 kHz of a noise. */
export async function makeNoise({ graph, seconds }: Noise): Promise<Int16Array> {
  const { stdout } = await promisify(execFile)(
    findFfmpeg(),
    [
      '-nostdin',
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      graph,
      '-t',
      `${seconds}`,
      '-ac',
      '1',
      '-ar',
      '16000',
      '-f',
      's16le',
      '-',
    ],
    { encoding: 'buffer', maxBuffer: 1e8 },
  )
  return new Int16Array(Uint8Array.from(stdout).buffer)
}
