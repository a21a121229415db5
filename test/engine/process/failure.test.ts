import { describe, expect, it } from 'vitest'
import { callFailure, loadFailure, type Platform, whyNoBinary } from '../../../src/engine/process/failure.ts'
import { FileRefused, PackageMissing, ProcessEnded } from '../../../src/engine/process/process.ts'
import { EngineError } from '../../../src/errors.ts'

const linux: Platform = { system: 'linux', arch: 'x64', glibc: '2.36' }
const missing = "Cannot find module 'sherpa-onnx-node'"

describe('whyNoBinary', () => {
  it.each<[string, string, Platform, RegExp]>([
    [
      'Alpine',
      'Error loading shared library ld-linux-x86-64.so.2: No such file or directory',
      { system: 'linux', arch: 'x64' },
      /needs glibc, .*musl, .*node:20-slim/,
    ],
    [
      'an old glibc',
      "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.32' not found (required by /app/sherpa-onnx.node)",
      { ...linux, glibc: '2.31' },
      /needs glibc 2\.32 .*has glibc 2\.31; use a newer system/,
    ],
    [
      'an old libstdc++',
      "/usr/lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by /app/sherpa-onnx.node)",
      linux,
      /GLIBCXX 3\.4\.29/,
    ],
    [
      'another old libstdc++',
      "/lib64/libstdc++.so.6: version `CXXABI_1.3.13' not found (required by /app/libsherpa-onnx-c-api.so)",
      linux,
      /GLIBCXX 3\.4\.29/,
    ],
    ['Windows on ARM', missing, { system: 'win32', arch: 'arm64' }, /no binary of it for win32 on arm64/],
    ['FreeBSD', missing, { system: 'freebsd', arch: 'x64' }, /no binary of it for freebsd on x64/],
    ['ARM of 32 bits', missing, { ...linux, arch: 'arm' }, /no binary of it for linux on arm;/],
    [
      'a folder from Windows',
      '/app/node_modules/sherpa-onnx-linux-x64/sherpa-onnx.node: invalid ELF header',
      linux,
      /copied from another system; delete it and run npm install/,
    ],
    [
      'a folder from Linux on macOS',
      "dlopen(/app/sherpa-onnx.node, 0x0001): tried: '/app/sherpa-onnx.node' (not a mach-o file)",
      { system: 'darwin', arch: 'arm64' },
      /copied from another system/,
    ],
    [
      'a folder from another Mac',
      "dlopen(/app/sherpa-onnx.node, 0x0001): tried: '/app/sherpa-onnx.node' (mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64e' or 'arm64'))",
      { system: 'darwin', arch: 'arm64' },
      /copied from another system/,
    ],
    [
      'a folder from Linux on Windows',
      '\\\\?\\C:\\app\\sherpa-onnx.node is not a valid Win32 application.',
      { system: 'win32', arch: 'x64' },
      /copied from another system/,
    ],
    [
      'an old macOS',
      'dlopen(/app/sherpa-onnx.node, 0x0001): Symbol not found: (__ZNSt3__19to_charsEPcS0_d) (built for macOS 14.0 which is newer than running OS)',
      { system: 'darwin', arch: 'arm64' },
      /needs macOS 14 or newer; use AssemblyAI/,
    ],
    [
      'an old macOS on Intel',
      'dlopen(/app/libonnxruntime.dylib, 0x0001): Symbol not found: _x',
      { system: 'darwin', arch: 'x64' },
      /needs macOS 15 or newer/,
    ],
    ['what was left out', missing, linux, /not installed, .*--omit=optional.*; run: npm install --include=optional/],
    [
      'a binary that was left out',
      "Cannot find module '/app/node_modules/sherpa-onnx-linux-x64/sherpa-onnx.node'",
      linux,
      /not installed/,
    ],
    ['what nobody has thought of', 'it is a Tuesday', linux, /^run: npm install --include=optional sherpa-onnx-node/],
  ])('tells of %s', (_what, message, platform, expected) => {
    expect(whyNoBinary(message, platform)).toMatch(expected)
  })
})

const model = { name: 'tiny', folder: '/models/tiny' }

describe('loadFailure', () => {
  it('says that a model is damaged where its process ended, by what it wrote last', () => {
    const log = 'loading\nProtobuf parsing failed.'
    const error = loadFailure(
      new ProcessEnded('the process that runs the model ended with exit code 255', { log }),
      model,
    )
    expect(error).toMatchObject({ code: 'MODEL_UNUSABLE', folder: '/models/tiny', stderr: log })
    expect(error.message).toMatch(
      /model tiny in \/models\/tiny cannot be loaded: .*exit code 255 after it wrote: Protobuf/,
    )
    expect(error.message).toContain('diarize-stream models list')
  })

  it('tells the error by which Node ended, and not its version, which it writes behind it', () => {
    const log = 'node:internal/x:1\n\nError: ENOENT: no such file\n    at x {\n  errno: -2\n}\n\nNode.js v20.20.2'
    const ended = new ProcessEnded('the process that runs the model ended with exit code 1', { log, hadStarted: false })
    expect(loadFailure(ended, model).message).toContain('after it wrote: Error: ENOENT: no such file; name one')
  })

  it('does not blame the model where no process has begun', () => {
    const ended = new ProcessEnded('the process that runs the model could not be started: spawn /no/node ENOENT', {
      hadStarted: false,
    })
    expect(loadFailure(ended, model)).toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      message: expect.stringMatching(/ENOENT.*nodePath.*DIARIZE_STREAM_NODE/) as string,
    })
  })

  it('tells of files that a bundler has left behind, rather than of another Node.js', () => {
    const log =
      "Error: Cannot find module '/app/bin/engine-process.js'\n  code: 'MODULE_NOT_FOUND'\n}\n\nNode.js v22.12.0"
    const { code, message } = loadFailure(new ProcessEnded('ended with exit code 1', { log, hadStarted: false }), model)
    expect(code).toBe('ENGINE_UNAVAILABLE')
    expect(message).toMatch(/bundler, .*leave out diarize-stream as external.*nodeLinker: node-modules/)
    expect(message).not.toContain('nodePath')
  })

  it('does not blame the model either where the system has ended its process', () => {
    expect(loadFailure(new ProcessEnded('it was ended by SIGKILL', { wasKilled: true }), model)).toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringMatching(/SIGKILL; .*memory runs out; .*fewer processes or a smaller model/) as string,
    })
  })

  it('does not blame it for a process that does not answer, or a folder that cannot be written', () => {
    const late = loadFailure(new ProcessEnded('it did not answer within 120 s', { wasLate: true }), model)
    expect(late).toMatchObject({ code: 'ENGINE_FAILED', retryable: true })
    const refused = loadFailure(new FileRefused("ENOENT: no such file or directory, mkdir '/nowhere/x'"), model)
    expect(refused).toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringMatching(/tiny.*mkdir '\/nowhere\/x'.*TMPDIR/) as string,
    })
    for (const { message } of [late, refused]) expect(message).not.toContain('damaged')
  })

  it('says what to install where the package cannot be loaded', () => {
    expect(loadFailure(new PackageMissing(missing), model)).toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      message: expect.stringContaining('npm package sherpa-onnx-node, which cannot be loaded') as string,
    })
  })

  it('leaves an error alone that says all', () => {
    const error = new EngineError('MODEL_MISSING', 'gone')
    expect(loadFailure(error, model)).toBe(error)
    expect(callFailure(error)).toBe(error)
  })
})

describe('callFailure', () => {
  it('may be tried again, and has what the process wrote', () => {
    const ended = new ProcessEnded('the process that runs the model was ended by SIGSEGV', { log: 'oh' })
    expect(callFailure(ended)).toMatchObject({
      code: 'ENGINE_FAILED',
      retryable: true,
      message: expect.stringMatching(/ended by SIGSEGV after it wrote: oh;/) as string,
      stderr: 'oh',
    })
    expect(callFailure(new Error('no'))).toMatchObject({ code: 'ENGINE_FAILED', retryable: true })
  })
})
