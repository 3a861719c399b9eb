/** Why a TLS connection failed, and what to do about it. */
export type TlsFailure = { readonly reason: string; readonly advice: string };

/** Chains of causes are short; a cycle must not hang the caller. */
const MAX_CAUSES = 8;

/** The TLS failure in the chain of causes: one side did not trust the other's certificate. undefined: another kind of error. */
export function tlsFailureIn(error: unknown): TlsFailure | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < MAX_CAUSES; at = at.cause, depth++) {
    const code = 'code' in at ? String(at.code) : '';
    const failure = FAILURES_BY_CODE.get(code) ?? (CERTIFICATE_ALERT.test(code) ? CLIENT_REJECTED : undefined);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

const UNTRUSTED: TlsFailure = {
  reason: "the API server's certificate is not signed by the cluster's certificate authority",
  advice:
    'check that the endpoint is correct, that no proxy intercepts TLS, and that the kubeconfig or EKS returns the current certificate authority of the cluster',
};
const OUTSIDE_VALIDITY: TlsFailure = {
  reason: "the API server's certificate has expired or is not valid yet",
  advice: 'renew the certificate, or correct the clock of the API server or of this machine',
};
const WRONG_NAME: TlsFailure = {
  reason: "the API server's certificate is not valid for the name of the endpoint",
  advice: 'use an endpoint that the certificate names, or set tls-server-name in the kubeconfig',
};
const CLIENT_REJECTED: TlsFailure = {
  reason: 'the API server rejected the client certificate',
  advice: 'renew the client certificate in the kubeconfig',
};

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const FAILURES_BY_CODE: ReadonlyMap<string, TlsFailure> = new Map([
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
  ].map((code) => [code, UNTRUSTED] as const),
  ['CERT_HAS_EXPIRED', OUTSIDE_VALIDITY],
  ['CERT_NOT_YET_VALID', OUTSIDE_VALIDITY],
  ['HOSTNAME_MISMATCH', WRONG_NAME],
  ['ERR_TLS_CERT_ALTNAME_INVALID', WRONG_NAME],
]);

/** OpenSSL names the alert with which the other side ended the handshake, such as ERR_SSL_TLSV1_ALERT_UNKNOWN_CA. */
const CERTIFICATE_ALERT = /^ERR_SSL_.*ALERT_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/;
