import { createServer } from 'node:https';
import type { TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import { Listener } from '../simulator/listener.ts';
import type { Certificate } from './authority.ts';

type Visit = {
  readonly path: string;
  readonly authorization: string;
  /** The common name of the client's certificate, if it showed one that we trust. */
  readonly client: string | undefined;
};

/** An API server behind TLS, whose certificate can be changed while it runs. */
type SecureServer = {
  readonly url: string;
  readonly visits: readonly Visit[];
  /** Shows this certificate to whoever connects from now on, and drops those who are connected. */
  show(certificate: Certificate, clientAuthority?: string): void;
};

/** @param answer the status of the answer to a visit, whose body is `{}` */
export async function secureServer(
  t: TestContext,
  certificate: Certificate,
  answer: (visit: Visit) => number = () => 200,
): Promise<SecureServer> {
  const visits: Visit[] = [];
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
      const visit = { path: url, authorization: headers.authorization ?? '', client };
      visits.push(visit);
      response.writeHead(answer(visit), { 'content-type': 'application/json' }).end('{}');
    },
  );
  const listener = new Listener(server, '127.0.0.1');
  t.after(() => listener.stop());
  return {
    url: `https://127.0.0.1:${await listener.open(0)}`,
    visits,
    show(next, clientAuthority) {
      server.setSecureContext(contextOf(next, clientAuthority));
      listener.drop();
    },
  };
}
