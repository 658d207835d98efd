/** Where an instance listens: on a port of the loopback interface, or on a Unix socket at an absolute path. */
export type Place =
  | { readonly port: number; readonly socket?: undefined }
  | { readonly socket: string; readonly port?: undefined };

export function placeInWords({ port, socket }: Place): string {
  return port === undefined ? `socket ${socket}` : `port ${port}`;
}

/** What stands for the place in command lines: see `placeholders.ts`. */
export function placeholdersOf(place: Place | undefined) {
  return { PORT: place?.port?.toString(), SOCKET: place?.socket };
}
