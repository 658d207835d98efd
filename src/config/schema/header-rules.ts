/** Fields that the router sets, adds or removes. */
import { z } from 'zod';
import { isEditable } from '../../domain/header-names.ts';
import { list, text, verbatim } from './scalars.ts';
import { section } from './section.ts';

const nameError = 'the name of a header, which is not about framing or connections';

export const headerName = text(nameError, /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/)
  .refine(isEditable, { error: nameError })
  .meta({ title: 'header name' });

const valueError = 'text without line breaks and control characters';

const headerValue = verbatim(valueError)
  .pipe(
    z
      .string()
      .max(8192, { error: valueError })
      .regex(/^(?:[\t\x20-\x7e\u0080-\u00ff]*)$/, { error: valueError }),
  )
  .meta({ title: 'text' });

export const headers = z.record(headerName, headerValue, { error: 'a mapping of header names to values' });

export const headerRules = section({
  set: headers.prefault({}).describe('Headers that replace those of the name.'),
  add: headers.prefault({}).describe('Headers that come in addition.'),
  remove: list(headerName, 'a list of header names').prefault([]).describe('Headers that are dropped.'),
});
