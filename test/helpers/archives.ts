/** Archives made byte by byte, so that they can be as wrong as a test needs them. */
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

export interface TarEntry {
  readonly name: string | Buffer;
  /** The type flag: `0` file, `1` hard link, `2` symbolic link, `5` folder, `x` extended header, … */
  readonly type?: string;
  readonly body?: string | Buffer;
  readonly link?: string;
  readonly mode?: number;
  /** What the header declares, where it isn't the length of the body. */
  readonly size?: number;
}

const block = 512;

export function tar(entries: readonly TarEntry[], options: { readonly end?: boolean } = {}): Buffer {
  const parts = entries.flatMap(entry => {
    const body = Buffer.from(entry.body ?? '');
    return [tarHeader(entry, body.length), body, Buffer.alloc(-body.length & (block - 1))];
  });
  return Buffer.concat(options.end === false ? parts : [...parts, Buffer.alloc(2 * block)]);
}

export function tgz(entries: readonly TarEntry[]): Buffer {
  return gzipSync(tar(entries));
}

/** An extended header (pax) for the entry that follows it. */
export function pax(fields: Readonly<Record<string, string>>): TarEntry {
  const lines = Object.entries(fields).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest);
    while (Buffer.byteLength(`${length}${rest}`) !== length) length = Buffer.byteLength(`${length}${rest}`);
    return `${length}${rest}`;
  });
  return { name: 'PaxHeader', type: 'x', body: lines.join('') };
}

function tarHeader(entry: TarEntry, length: number): Buffer {
  const header = Buffer.alloc(block);
  Buffer.from(entry.name).copy(header, 0, 0, 100);
  header.write(`${(entry.mode ?? 0o644).toString(8).padStart(7, '0')}\0`, 100);
  header.write('0000000\x000000000\0', 108);
  header.write(`${(entry.size ?? length).toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(entry.type ?? '0', 156);
  header.write(entry.link ?? '', 157, 100);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly body?: string | Buffer;
  readonly stored?: boolean;
  /** `st_mode`, type bits included. */
  readonly mode?: number;
  readonly flags?: number;
  readonly method?: number;
  /** What the headers declare, where it isn't true. */
  readonly size?: number;
  readonly crc?: number;
  /** Index of another entry whose bytes this one claims too. */
  readonly sameBytesAs?: number;
}

/** @param counted how many entries the end record tells of */
export function zip(entries: readonly ZipEntry[], counted = entries.length): Buffer {
  const [local, central]: [Buffer[], Buffer[]] = [[], []];
  const offsets: number[] = [];
  let at = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const body = Buffer.from(entry.body ?? '');
    const packed = entry.stored ? body : deflateRawSync(body);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(entry.flags ?? 0x800, 2);
    common.writeUInt16LE(entry.method ?? (entry.stored ? 0 : 8), 4);
    common.writeUInt32LE(entry.crc ?? crc32(body), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(entry.size ?? body.length, 18);
    common.writeUInt16LE(name.length, 22);
    const offset = entry.sameBytesAs === undefined ? at : (offsets[entry.sameBytesAs] ?? 0);
    offsets.push(offset);
    if (entry.sameBytesAs === undefined) {
      const parts = [Buffer.from('PK\x03\x04'), common, name, packed];
      local.push(...parts);
      at += parts.reduce((sum, part) => sum + part.length, 0);
    }
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), common, rest, name);
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(counted, 8);
  end.writeUInt16LE(counted, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...local, directory, end]);
}

/** The same, with what a launcher script or a stub puts in front of it; offsets stay as they are. */
export function withStub(stub: string, archive: Buffer): Buffer {
  return Buffer.concat([Buffer.from(stub), archive]);
}
