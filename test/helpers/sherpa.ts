import { bundledPackage, findPackage } from '../../src/engine/models/package.ts'
import { loadSherpa } from '../../src/engine/process/sherpa.ts'

/** Why tests with sherpa-onnx cannot run here; `undefined` where they can. */
export const whyNoSherpa: string | undefined = why(() => loadSherpa())
if (whyNoSherpa !== undefined) console.warn(`skipping the tests with sherpa-onnx: ${whyNoSherpa}`)

/** Why tests with the models that come with the package cannot run here; `undefined` where they can. */
export const whyNoBox: string | undefined = whyNoSherpa ?? why(() => findPackage(bundledPackage))
if (whyNoBox !== undefined && whyNoSherpa === undefined) {
  console.warn(`skipping the tests with the models of ${bundledPackage}: ${whyNoBox}`)
}

/** What the command line of a process that runs models contains. */
export const engineProcess = 'engine-process.js'

function why(load: () => unknown): string | undefined {
  try {
    load()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
