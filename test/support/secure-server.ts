import { createServer } from 'node:https';
import type { TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import { Listener } from '../simulator/listener.ts';
import type { Certificate } from './certificate-authority.ts';

type SecureRequest = {
  readonly path: string;
  readonly authorization: string;
  /** The common name of a trusted client certificate, if the client presented one. */
  readonly client: string | undefined;
};

/** An API server with TLS, whose certificate can be replaced while it runs. */
type SecureServer = {
  readonly url: string;
  readonly received: readonly SecureRequest[];
  /** Presents this certificate to new connections, and drops the existing ones. */
  useCertificate(certificate: Certificate, clientAuthority?: string): void;
};

/** @param statusOf the status code of each response, whose body is `{}` */
export async function secureServer(
  t: TestContext,
  certificate: Certificate,
  statusOf: (request: SecureRequest) => number = () => 200,
): Promise<SecureServer> {
  const received: SecureRequest[] = [];
  const contextOf = ({ key, cert }: Certificate, ca: string | undefined) => ({
    key,
    cert,
    ...(ca !== undefined && { ca }),
  });
  const server = createServer(
    { ...contextOf(certificate, undefined), requestCert: true, rejectUnauthorized: false },
    ({ url = '', headers, socket }, response) => {
      const client =
        socket instanceof TLSSocket && socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined;
      const request = { path: url, authorization: headers.authorization ?? '', client };
      received.push(request);
      response.writeHead(statusOf(request), { 'content-type': 'application/json' }).end('{}');
    },
  );
  const listener = new Listener(server, '127.0.0.1');
  t.after(() => listener.stop());
  return {
    url: `https://127.0.0.1:${await listener.open(0)}`,
    received,
    useCertificate(next, clientAuthority) {
      server.setSecureContext(contextOf(next, clientAuthority));
      listener.drop();
    },
  };
}
