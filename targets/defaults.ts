/** The chip that is simulated when none is named. */
export const defaultChipName = "northpole-style";

/** The GPUs that a run is compared with when none is named. */
export const defaultGpuNames = ["h100", "v100"] as const;
