/**
 * Where a file or folder lies that the code reads beside itself; `path` starts at the folder that holds `base/`. The
 * bundled command stands as deep in its folder as this module does.
 */
export const assetUrl = (path: string): URL => new URL(`../${path}`, import.meta.url);
