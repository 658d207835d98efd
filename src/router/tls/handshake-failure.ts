/** Why a handshake failed, as a fixed set of reasons for the counters: what a client sends makes no new ones. */

const reasons = {
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls-version',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'tls-version',
  ERR_SSL_VERSION_TOO_LOW: 'tls-version',
  ERR_SSL_NO_SHARED_CIPHER: 'tls-no-cipher',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'tls-no-cipher',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'tls-no-protocol',
  ERR_SSL_HTTP_REQUEST: 'tls-plain-http',
  ERR_SSL_HTTPS_PROXY_REQUEST: 'tls-plain-http',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'tls-late',
  ECONNRESET: 'tls-broken-off',
  EPIPE: 'tls-broken-off',
} as const;

/** `tls-refused`: the client said no, such as to the certificate. */
export type HandshakeFailure = (typeof reasons)[keyof typeof reasons] | 'tls-refused' | 'tls-invalid';

export function handshakeFailure(error: Error): HandshakeFailure {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code in reasons) return reasons[code as keyof typeof reasons];
  return code.includes('_ALERT_') ? 'tls-refused' : 'tls-invalid';
}
