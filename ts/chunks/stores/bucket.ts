/** A store in a bucket of S3 or of an S3-compatible service that supports conditional writes (If-None-Match). */

import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { getMessage } from '../../core/errors.js'
import { toPrintable } from '../../core/text.js'
import { StoreError } from '../plan/errors.js'
import type { Store } from './store.js'

/**
 * Name of the AWS SDK package. The SDK is an optional package. The package is imported at run time by this name, so
 * that bundlers do not resolve the package.
 */
const PACKAGE = '@aws-sdk/client-s3'
type Sdk = typeof import('@aws-sdk/client-s3')
type Client = InstanceType<Sdk['S3Client']>

/** Time limits for a connection and for a reply, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000
const REPLY_TIMEOUT_MS = 60_000
/** Maximum number of attempts to repeat a write that conflicts with the write of another process. */
const MAX_TRIES = 6
/** Delay before the second attempt. */
const FIRST_DELAY_MS = 50

export const isBucket = (store: string) => /^s3:/i.test(store)

/**
 * A store whose results are objects in a bucket.
 *
 * The client reads credentials, region and endpoint like all AWS tools: from the environment, configuration files or
 * the role of the machine. Existing objects are never overwritten.
 *
 * @param address s3://bucket/prefix
 * @throws StoreError if the address of the bucket is invalid
 */
export function bucketStore(address: string): Store {
  const objects = new BucketObjects(address)
  const { location } = objects
  return {
    location,
    put: (name, bytes) => objects.put(name, bytes),
    remove: (name) => objects.remove(name),
    names: () => objects.names(),
    read: (name) => objects.read(name),
    async check() {
      const name = `aside-${randomBytes(8).toString('hex')}`
      try {
        const isNew = await objects.put(name, new Uint8Array(1))
        if (isNew && !(await objects.put(name, new Uint8Array(1)))) return
      } finally {
        await objects.remove(name).catch(() => {})
      }
      throw new StoreError(
        `${location}: the service overwrites existing objects (it does not support If-None-Match)`,
      )
    },
    async rename(name, to) {
      await objects.copy(name, to)
      await objects.remove(name)
    },
  }
}

/** The names of the objects below an address. */
class BucketObjects {
  readonly location: string
  readonly #bucket: string
  readonly #prefix: string
  #opened: Promise<readonly [Sdk, Client]> | undefined

  /** @throws StoreError if the address of the bucket is invalid */
  constructor(address: string) {
    const [, bucket, rest] = /^s3:\/\/([a-z\d][a-z\d.-]{1,61}[a-z\d])(?:\/(.*))?$/.exec(address) ?? []
    // The message does not quote the address, because the address may contain credentials by mistake.
    if (bucket === undefined) {
      throw new StoreError(
        'expected a store such as s3://bucket/prefix, with a bucket name of 3 to 63 characters a-z, 0-9, . and -; credentials come from the environment',
      )
    }
    this.#bucket = bucket
    this.#prefix = (rest ?? '').replace(/^\/+/, '').replace(/([^/])\/*$/, '$1/')
    this.location = toPrintable(`s3://${bucket}/${this.#prefix}`)
  }

  put(name: string, bytes: Uint8Array): Promise<boolean> {
    return this.#call(async (client, { PutObjectCommand }) => {
      for (let turn = 0, wait = FIRST_DELAY_MS; ; turn++, wait *= 2) {
        try {
          await client.send(new PutObjectCommand({ ...this.#at(name), Body: bytes, IfNoneMatch: '*' }))
          return true
        } catch (thrown) {
          const status = httpStatus(thrown)
          if (status === 412) return false
          // Status 409 means that another process is writing the same object. The outcome of the other write is known
          // after a delay.
          if (status !== 409 || turn === MAX_TRIES) throw thrown
          await pause(wait)
        }
      }
    })
  }

  async remove(name: string): Promise<void> {
    await this.#call((client, { DeleteObjectCommand }) =>
      client.send(new DeleteObjectCommand(this.#at(name))),
    )
  }

  names(): Promise<Map<string, number>> {
    return this.#call(async (client, { paginateListObjectsV2 }) => {
      const names = new Map<string, number>()
      const asked = { Bucket: this.#bucket, Prefix: this.#prefix }
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, asked)) {
        for (const { Key = '', LastModified } of Contents)
          names.set(Key.slice(this.#prefix.length), LastModified?.getTime() ?? 0)
      }
      return names
    })
  }

  read(name: string): Promise<Uint8Array | undefined> {
    return this.#call((client, { GetObjectCommand }) =>
      orMissing(async () => {
        const { Body } = await client.send(new GetObjectCommand(this.#at(name)))
        return await Body?.transformToByteArray()
      }),
    )
  }

  /** Copies an object, or does nothing if the object does not exist. */
  async copy(name: string, to: string): Promise<void> {
    await this.#call((client, { CopyObjectCommand }) =>
      orMissing(async () => {
        const source = encodeURIComponent(`${this.#bucket}/${this.#prefix}${name}`)
        await client.send(new CopyObjectCommand({ ...this.#at(to), CopySource: source }))
      }),
    )
  }

  #at(name: string) {
    return { Bucket: this.#bucket, Key: this.#prefix + name }
  }

  async #call<T>(work: (client: Client, sdk: Sdk) => Promise<T>): Promise<T> {
    try {
      this.#opened ??= open()
      const [sdk, client] = await this.#opened
      return await work(client, sdk)
    } catch (thrown) {
      throw thrown instanceof StoreError
        ? thrown
        : new StoreError(`${this.location}: ${describeFailure(thrown)}`)
    }
  }
}

async function open(): Promise<readonly [Sdk, Client]> {
  const sdk: Sdk = await import(PACKAGE).catch((thrown) => {
    throw new StoreError(
      `a store at s3:// needs a package: npm install ${PACKAGE} (${getMessage(thrown).split('\n')[0]})`,
    )
  })
  const { AWS_ENDPOINT_URL_S3: own, AWS_ENDPOINT_URL: any, AWS_REGION: region } = process.env
  const client = new sdk.S3Client({
    // URLs of S3-compatible services contain the bucket in the path, and no region.
    ...((own ?? any) && { forcePathStyle: true, region: region ?? 'us-east-1' }),
    // Results have their own checksums, and some S3-compatible services do not support the newer AWS checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REPLY_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  })
  return [sdk, client]
}

const httpStatus = (thrown: unknown) =>
  (thrown as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode

/**
 * Describes a failure by the name and the status of the service's reply. The untrusted text of the reply is not shown.
 */
function describeFailure(thrown: unknown): string {
  const status = httpStatus(thrown)
  return status === undefined
    ? getMessage(thrown)
    : `${toPrintable((thrown as Error).name)} (status ${status})`
}

async function orMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (thrown) {
    if ((thrown as Error).name === 'NoSuchKey') return undefined
    throw thrown
  }
}
