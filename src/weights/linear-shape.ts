export interface LinearShape {
  readonly inFeatures: number;
  readonly outFeatures: number;
}
