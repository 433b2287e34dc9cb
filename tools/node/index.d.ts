// SPDX-License-Identifier: MIT

/** Errors are Errors whose `code` is an errno's name, as fastipc(7) lists. */
export interface FastipcError extends Error {
  code: string;
}

/** As of fastipc_client_options in fastipc_client(3). */
export interface ConnectOptions {
  wait?: 'adaptive' | 'spin' | 'block' | 'sleep'; // of callSync()
  checksum?: 'off' | 'header' | 'full';
  ringSize?: number;
  maxMessage?: number;
  maxCalls?: number;
  streamWindow?: number;
  connectTimeoutMs?: number;
  compression?: 'off' | 'lz4' | 'zstd' | 'accept';
  compressFrom?: number;
  schema?: Schema; // whose fingerprint the server is told
  schemaMatch?: 'any' | 'wire' | 'full';
  /**
   * Microseconds for which the event loop, with nothing else to do, looks for
   * an answer before it sleeps; 0.  It is faster, and takes a CPU meanwhile.
   */
  spinUs?: number;
}

export interface CallOptions {
  /** From now on; ETIMEDOUT after that.  Infinity. */
  deadlineMs?: number;
  /** Rejects the call with ECANCELED; the server is told. */
  signal?: AbortSignal;
}

export interface StreamOptions {
  deadlineMs?: number; // of the whole stream
  weight?: number; // 1 to 255
  urgent?: boolean;
}

export interface Method {
  type: number;
  request: string; // names of tables
  response: string;
}

/**
 * A stream, and its messages as an iterator: a loop that is left cancels it.
 * What is not read stays at the server once the window is full.
 */
export interface Stream extends AsyncIterableIterator<Buffer> {
  /** The next message, or null at the end. */
  read(): Promise<Buffer | null>;
  /** Waits as long as the server does not read. */
  write(data?: Uint8Array): Promise<void>;
  /** Nothing more will be written. */
  finish(): Promise<void>;
  /** What the server sent with its end; undefined before. */
  readonly trailers: Buffer | undefined;
  /** What has not ended is cancelled, and reads fail with ECANCELED. */
  close(): void;
}

export interface Client {
  call(type: number, data?: Uint8Array, options?: CallOptions): Promise<Buffer>;
  /** Blocks the thread, and is the fastest. */
  callSync(type: number, data?: Uint8Array,
    options?: { deadlineMs?: number }): Buffer;
  /** One way.  Throws EAGAIN if there is no room now. */
  post(type: number, data?: Uint8Array): void;
  /** Is the server alive?  Nanoseconds of a round trip. */
  ping(options?: { deadlineMs?: number }): Promise<number>;
  /** `data`, 16 KiB at most, is the request that opens it. */
  stream(type: number, data?: Uint8Array, options?: StreamOptions): Stream;
  stats(): { calls: number; replies: number; lateReplies: number;
    bytesSent: number; bytesReceived: number; streams: number;
    peerPid: number; transport: string };
  /** What is pending fails with ECANCELED. */
  close(): void;
}

/** Of messages as objects: see README.md. */
export class Schema {
  readonly wire: bigint;
  readonly full: bigint;
  /** By 'Service.Method', with namespace. */
  readonly methods: Record<string, Method>;
  table(name: string): {
    encode(value: object): Buffer;
    decode(message: Uint8Array): any;
  };
  enum(name: string): Record<string, number | bigint>;
}

export function connect(address: string,
  options?: ConnectOptions): Promise<Client>;

/** Of a .fbs file.  EINVAL tells all that is wrong with it. */
export function loadSchema(path: string,
  options?: { include?: string[] }): Schema;
