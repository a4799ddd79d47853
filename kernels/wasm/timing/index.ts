// The exports of the timing engine; what stands in its memory says ../../timing-layout.ts.
export { jump as timingJump, listDue as timingListDue, schedule as timingSchedule } from "./calendar";
export { timingCode, timingCosts } from "./code";
export { timingBegin, timingIsIdle, timingNow, timingRun } from "./engine";
export { continueEvents as timingContinue, surveyEvents as timingSurvey } from "./events";
export {
  compareStates as timingCompare,
  differenceMatters as timingMatters,
  markTouched as timingMarkTouched,
  replayStretch as timingReplay,
  saveState as timingSave,
} from "./states";
