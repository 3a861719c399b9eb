/** Why no secure connection came about: in words, and what to do about it. */
export type TlsFailure = { readonly reason: string; readonly advice: string };

const OF_AUTHORITY: TlsFailure = {
  reason: "the API server's certificate is not signed by the cluster's authority",
  advice:
    "see whether the endpoint is the cluster's own, with nothing in between that opens TLS, and whether the kubeconfig or EKS names the authority that the cluster has now",
};
const OF_TIME: TlsFailure = {
  reason: "the API server's certificate is not valid at this time",
  advice: 'renew it, or set the clock of whichever side is wrong',
};
const OF_NAME: TlsFailure = {
  reason: "the API server's certificate is for another name than that of the endpoint",
  advice: 'use an endpoint that the certificate names, or tls-server-name in the kubeconfig',
};
const OF_US: TlsFailure = {
  reason: 'the API server refuses our certificate',
  advice: 'renew the client certificate in the kubeconfig',
};

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const BY_CODE: ReadonlyMap<string, TlsFailure> = new Map([
  ...[
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
    'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
    'CERT_SIGNATURE_FAILURE',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'CERT_CHAIN_TOO_LONG',
    'CERT_REVOKED',
    'CERT_UNTRUSTED',
    'CERT_REJECTED',
    'INVALID_CA',
    'INVALID_PURPOSE',
    'PATH_LENGTH_EXCEEDED',
  ].map((code) => [code, OF_AUTHORITY] as const),
  ['CERT_HAS_EXPIRED', OF_TIME],
  ['CERT_NOT_YET_VALID', OF_TIME],
  ['HOSTNAME_MISMATCH', OF_NAME],
  ['ERR_TLS_CERT_ALTNAME_INVALID', OF_NAME],
]);

/** OpenSSL names the alert by which the other side ends a handshake: ERR_SSL_TLSV1_ALERT_UNKNOWN_CA and its like. */
const ALERT = /^ERR_SSL_.*ALERT_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/;

const DEEPEST = 8;

/** Did one side not trust the other's certificate? undefined: the failure is of another kind. */
export function tlsFailureIn(error: unknown): TlsFailure | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < DEEPEST; at = at.cause, depth++) {
    const code = 'code' in at ? String(at.code) : '';
    const found = BY_CODE.get(code) ?? (ALERT.test(code) ? OF_US : undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}
