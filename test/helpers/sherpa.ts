import { loadSherpa } from '../../src/engine/sherpa/package.ts'

/** Why tests with sherpa-onnx cannot run here; `undefined` where they can. */
export const whyNoSherpa: string | undefined = (() => {
  try {
    loadSherpa()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
})()
