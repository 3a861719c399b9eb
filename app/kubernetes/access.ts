import type { Dispatcher } from 'undici';

/** How the API server is reached, whom it is trusted to be, and how the drainer proves who it is: as its source says at one time. */
export type Access = {
  readonly server: string;
  /** A way to the server that shares no connection with another one; whoever asks for it destroys it. */
  connect(): Dispatcher;
  /** The headers that authenticate a request; `fresh` after the API server refused the last ones. */
  authenticate(fresh: boolean, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
};

/** Asks the source of an access (EKS, a kubeconfig) what it says now. Rejects with a Failure. */
export type AskForAccess = (signal: AbortSignal) => Promise<Access>;
