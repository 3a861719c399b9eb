import type { ConformanceScenario, ScenarioGroup } from '../scenario.ts';

const LIMIT_SECONDS = 14;

const nobodyIsCutOff: ConformanceScenario = {
  id: '29',
  title: 'a pod that a budget holds has its whole grace period before the instance goes',
  asks: `the instance dies after ${LIMIT_SECONDS} s`,
  limitSeconds: LIMIT_SECONDS,
  witness: { lastResortSeconds: 3 },
  run: async (stage) => {
    await stage.pod('guarded', { graceSeconds: 8, shutdownMs: 6_000 });
    await stage.scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
    await stage.untilTheLimit(stage.drain({ limitSeconds: LIMIT_SECONDS }));
  },
};

const nothingHoldsAtTheEnd: ConformanceScenario = {
  id: '30',
  title: 'shortly before the instance goes, neither rank nor courtesy nor budgets cost a pod its SIGTERM',
  asks: `the instance dies after ${LIMIT_SECONDS} s; keep pods that ask for it for an hour`,
  limitSeconds: LIMIT_SECONDS,
  witness: { lastResortSeconds: 3 },
  run: async (stage) => {
    const ending = { graceSeconds: 5, shutdownMs: 2_000 };
    await stage.pod('guarded', ending);
    await stage.scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
    await stage.pod('kept', { ...ending, annotations: { 'karpenter.sh/do-not-disrupt': 'true' } });
    await stage.pod('dns', { ...ending, spec: { priorityClassName: 'system-node-critical' } });
    await stage.untilTheLimit(stage.drain({ limitSeconds: LIMIT_SECONDS, keepSeconds: 3_600 }));
  },
};

const tooLateForTheWholeGrace: ConformanceScenario = {
  id: '31',
  title:
    'where less time than its grace period is left, a pod is asked to end at once, and never with a grace period of 0',
  asks: 'the instance dies after 6 s',
  limitSeconds: 6,
  run: async (stage) => {
    await stage.pod('guarded', { graceSeconds: 30, shutdownMs: 25_000 });
    await stage.scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
    const drain = stage.drain({ limitSeconds: 6 });
    // Nobody can give it 30 s; that it knows of its end is what a drainer owes it.
    stage.forgives((harm) => harm.kind === 'cut off' && harm.hadSigterm);
    await stage.untilTheLimit(drain);
    const { askedAt, askedGrace } = stage.pods.pod('guarded') ?? {};
    if (askedGrace === 0) stage.harm('guarded was killed with a grace period of 0');
    if (askedAt !== undefined && askedAt > drain.startedAt + 4_000)
      stage.harm('guarded was asked to end seconds too late');
  },
};

const criticalPodsLast: ConformanceScenario = {
  id: '32',
  title: 'critical pods (DNS, CNI) leave after those that need them to shut down',
  limitSeconds: 20,
  run: async (stage) => {
    await stage.pod('dns', { shutdownMs: 500, spec: { priorityClassName: 'system-node-critical' } });
    await stage.pod('web', { shutdownMs: 3_000 });
    await stage.ended(stage.drain());
    stage.leaves('dns');
    const asked = stage.pods.pod('dns')?.askedAt;
    const gone = stage.pods.pod('web')?.goneAt;
    if (asked !== undefined && (gone === undefined || asked < gone - 200))
      stage.harm('dns was asked to end while web still shut down');
  },
};

const ignoresSigterm: ConformanceScenario = {
  id: '33',
  title: 'a pod that ignores SIGTERM is waited for as long as its grace period, and no longer',
  limitSeconds: 25,
  run: async (stage) => {
    await stage.pod('stubborn', { graceSeconds: 5, shutdownMs: 3_600_000 });
    const { at } = await stage.ended(stage.drain());
    stage.leaves('stubborn');
    const { goneAt } = stage.pods.pod('stubborn') ?? {};
    if (goneAt !== undefined && at > goneAt + 5_000) stage.harm('the drain went on long after the pod had been killed');
  },
};

const finalizerOnly: ConformanceScenario = {
  id: '34',
  title: 'a pod whose containers have ended and that only a finalizer keeps is not waited for without end',
  asks: 'wait for such pods for 3 s',
  limitSeconds: 25,
  run: async (stage) => {
    await stage.useFakeNode();
    await stage.pod('stuck', { held: true });
    await stage.scenario.endContainer('stuck');
    await stage.pod('web', { shutdownMs: 500 });
    await stage.ended(stage.drain({ finalizerSeconds: 3 }));
    stage.leaves('web');
  },
};

export const time: ScenarioGroup = {
  section: 'Time',
  scenarios: [
    nobodyIsCutOff,
    nothingHoldsAtTheEnd,
    tooLateForTheWholeGrace,
    criticalPodsLast,
    ignoresSigterm,
    finalizerOnly,
  ],
};
