export function apiOf(dist: string, sources: string): string
export function exportsIn(dist: string): string
export function tablesIn(sources: string): string
