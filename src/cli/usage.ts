import { PRESET_NAMES } from '../captions/presets.ts'

/** What `--help` prints. */
export const USAGE = `diarize-stream <input> [options]
diarize-stream models list | pull <name> | path

Captions what is said in <input>, with the names of the speakers. With a key it asks AssemblyAI, without one the engine
on this machine, with an English model that comes with it or any other that was pulled.

  <input>                 a video or audio file; - for standard input; an address that begins with http:, https:, rtsp:
                          or rtsps:; mic for the microphone (a file of that name is ./mic)

Output
  -o, --output <file>     where to write; again for more files. The ending says what: .srt .vtt .ass .jsonl .txt .rttm
                          .ctm .stm. Without it, what is said goes to standard output
  --mux <file>            a copy of the video with the captions as a text track: .mp4 .m4v .mov .mkv .webm
  --burn <file>           a copy of the video with the captions in its picture: .mp4 .m4v .mov .mkv .webm
  --json                  events as JSON lines on standard output, for programs
  --report                say at the end how well the captions keep to the preset
  --quiet                 nothing on standard error but errors

Engine
  --engine <name>         assemblyai, or local (also: embedded)
  --api-key-file <file>   a file that holds the key; else it is taken from ASSEMBLYAI_API_KEY. There is no option for the
                          key itself: every user of this machine could read it in the list of processes
  --url <address>         a v3 server of your own, ws: or wss:; ASSEMBLYAI_API_KEY is never sent to it
  --region <name>         where AssemblyAI works on it: us, eu, global
  --model <name>          model of AssemblyAI; with --engine local, one that was pulled, or the folder of one: ./folder
  --keyterms <list>       words and names to expect: Hanseatic,Buxtehude
  --language <code>       language of what is said, e.g. de, or auto; the model on this machine must know it. It also says
                          how lines are broken, and chooses among several audio tracks
  --audio-track <which>   number of the audio track, from 0, or its language; else the one that the file marks as default

Speakers
  --speakers <number>     most speakers to tell apart, 1 to 10
  --channels <list>       names of the channels of the audio, one speaker on each: Agent,Customer
  --names <list>          what speakers are called: A=Alice,B=Bob
  --server-names          speakers as the server of --url calls them, where these are no letters

Captions
  --preset <name>         how they look: ${PRESET_NAMES.join(', ')}

  --help, --version

Ctrl-C ends the input there: the last words come, and all files are complete. A second Ctrl-C stops at once.

Exit codes: 0 complete, 1 output failed or cut off, 2 usage, 3 input, 4 engine or network, 5 written but with gaps,
130 ended by Ctrl-C and complete until there
`
