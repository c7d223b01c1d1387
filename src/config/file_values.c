#include "config/file_values.h"

#include "config/text_rules.h"
#include "edge/file_rules.h"
#include "http/media_type.h"
#include "http/message.h"

bool rule_file_cache_control(struct span pattern, struct span value, struct complaint *complaint)
{
    if (!file_pattern_is_fine(pattern)) {
        complain(complaint, "%s is no pattern of file names", quote(pattern).text);
        return complain_hint(complaint, "'*' stands for any bytes, {hash} once for a hash, "
                                        "for example \"*.{hash}.js\" or \"/assets/*\"");
    }
    return rule_field(SPAN_OF("Cache-Control"), value, complaint);
}

bool rule_file_type(struct span ending, struct span type, struct complaint *complaint)
{
    if (span_find(ending, '.') < ending.len || !http_is_token(ending) ||
        (ending.len != 1 && span_find(ending, '*') < ending.len)) {
        complain(complaint, "%s is no ending of a file's name", quote(ending).text);
        return complain_hint(complaint, "write what stands behind the last dot, for example html; "
                                        "\"*\" is for endings that nobody knows");
    }
    if (!media_type_is_pattern(media_type_of(type)) || span_find(type, '*') < type.len) {
        complain(complaint, "%s is no media type", quote(type).text);
        return complain_hint(complaint, "for example text/markdown, or "
                                        "\"text/plain; charset=utf-8\"");
    }
    return rule_field(SPAN_OF("Content-Type"), type, complaint);
}

bool rule_charset(struct span text, struct complaint *complaint)
{
    char first = text.len != 0 ? ascii_lower(text.ptr[0]) : ' ';

    if (http_is_token(text) && (ascii_is_digit(first) || (first >= 'a' && first <= 'z'))) {
        return true;
    }
    complain(complaint, "%s is no charset", quote(text).text);
    return complain_hint(complaint, "for example utf-8, or none to say nothing");
}
