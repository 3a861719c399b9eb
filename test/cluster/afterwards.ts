/** What a test, or whatever else uses the suite's clusters, does when it has ended. The context of a test is one. */
export type Afterwards = { after(work: () => unknown): void };
