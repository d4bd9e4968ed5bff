/**
 * Some regions of Genesys Cloud, as they are named in `gcTargetEnv`. In the demonstration, all of them are the stand-in cloud: the
 * Client App SDK accepts no other names.
 */
export const regions = [
  { name: "prod-euw1", aws: "eu-west-1", place: { en: "Europe (Ireland)", de: "Europa (Irland)" } },
  { name: "prod-euc1", aws: "eu-central-1", place: { en: "Europe (Frankfurt)", de: "Europa (Frankfurt)" } },
  { name: "prod", aws: "us-east-1", place: { en: "Americas (US East)", de: "Amerika (USA Ost)" } },
  { name: "prod-apse2", aws: "ap-southeast-2", place: { en: "Asia Pacific (Sydney)", de: "Asien-Pazifik (Sydney)" } },
];
