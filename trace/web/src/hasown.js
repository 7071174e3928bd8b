// Chrome 67 and Safari 14 do not have it yet; @noble/hashes uses it.
if (!Object.hasOwn) Object.hasOwn = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
