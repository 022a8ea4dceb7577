// A packed package of ours carries what it needs in its bundle, so nothing is left to install beside it.
module.exports = {
  hooks: {
    beforePacking: (manifest) => {
      const { dependencies, devDependencies, scripts, ...rest } = manifest;
      return rest;
    },
  },
};
