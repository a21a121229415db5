import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  ExtractorMessageCategory,
  type IConfigFile,
} from '@microsoft/api-extractor'

const root = path.dirname(import.meta.dirname)

/** The entries of the package, by the name of the report on each. */
export const ENTRIES: Readonly<Record<string, string>> = {
  'diarize-stream': 'index.d.ts',
  captions: 'captions/index.d.ts',
  server: 'server/index.d.ts',
  testing: 'testing/index.d.ts',
  fleet: 'fleet/index.d.ts',
}

/**
 * Writes into `folder` a report for each entry: all that a user of the package can name, in a stable order. It is made of
 * the declarations in `dist`, which must be built.
 *
 * @throws Error where a declaration cannot be understood.
 */
export function writeApiReports(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const temporary = mkdtempSync(path.join(tmpdir(), 'diarize-stream-api-'))
  try {
    const configs = Object.entries(ENTRIES).map(([name, entry]) => configOf(name, entry, folder, temporary))
    // All are compiled together: each by itself would compile again what they share, which is most of it.
    const additionalEntryPoints = configs.map(({ mainEntryPointFilePath }) => mainEntryPointFilePath)
    const compilerState = CompilerState.create(configs[0]!, { additionalEntryPoints })
    for (const config of configs) writeReport(config, compilerState)
  } finally {
    rmSync(temporary, { recursive: true })
  }
}

function configOf(name: string, entry: string, folder: string, temporary: string): ExtractorConfig {
  const none = { default: { logLevel: ExtractorLogLevel.None } }
  const configObject: IConfigFile = {
    projectFolder: root,
    mainEntryPointFilePath: path.join(root, 'dist', entry),
    newlineKind: 'lf',
    compiler: { tsconfigFilePath: path.join(root, 'tsconfig.json') },
    apiReport: {
      enabled: true,
      reportFileName: `${name}.api.md`,
      reportFolder: path.resolve(folder),
      reportTempFolder: temporary,
      // Types that are not exported but stand in what is: they are part of what a user relies on.
      includeForgottenExports: true,
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: { extractorMessageReporting: none, tsdocMessageReporting: none },
  }
  return ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: undefined,
    packageJsonFullPath: path.join(root, 'package.json'),
  })
}

function writeReport(config: ExtractorConfig, compilerState: CompilerState): void {
  const problems: string[] = []
  const result = Extractor.invoke(config, {
    compilerState,
    localBuild: true,
    messageCallback: (message) => {
      if (message.category === ExtractorMessageCategory.Compiler) problems.push(message.formatMessageWithLocation(root))
      message.handled = true
    },
  })
  if (!result.succeeded || problems.length > 0) {
    throw new Error(`no report on ${config.mainEntryPointFilePath}; is dist/ built? ${problems.join('\n')}`)
  }
}

if (process.argv[1] === import.meta.filename) writeApiReports(path.join(root, 'api'))
