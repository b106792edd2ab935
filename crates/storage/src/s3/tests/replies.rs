//! Replies of servers that mean no good, or are broken.

use proptest::prelude::*;

use crate::s3::reply::documents::{
    DeleteReply, ErrorReply, ListReply, PartsReply, VersionsReply, parse_create_multipart, parse_new_object,
    parse_versioning,
};
use crate::s3::reply::xml::escape_into;

/// Pieces of replies in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("<ListBucketResult>"),
        Just("</ListBucketResult>"),
        Just("<Contents>"),
        Just("</Contents>"),
        Just("<Key>"),
        Just("</Key>"),
        Just("<Size>"),
        Just("</Size>"),
        Just("-1"),
        Just("99999999999999999999999"),
        Just("<IsTruncated>true</IsTruncated>"),
        Just("<EncodingType>url</EncodingType>"),
        Just("%ff%zz"),
        Just("<Key/>"),
        Just("<ListVersionsResult>"),
        Just("<Version>"),
        Just("</Version>"),
        Just("<DeleteResult><Error>"),
        Just("<a "),
        Just("<!DOCTYPE x [<!ENTITY a \"b\">]>"),
        Just("&a;"),
        Just("&#0;"),
        Just("&amp;"),
        Just("<![CDATA[x]]>"),
        Just("<?xml version=\"1.0\"?>"),
        Just("<!--"),
        Just("-->"),
        Just("<LastModified>0000-99</LastModified>"),
        Just("<Error><Code>NoSuchKey</Code></Error>"),
        Just("<PartNumber>1</PartNumber>"),
        Just("</"),
        Just("\u{fffe}"),
    ];
    let text = proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![3 => text, 1 => proptest::collection::vec(any::<u8>(), 0..64)]
}

proptest! {
    #[test]
    fn any_reply_is_read_without_panic(xml in pieces()) {
        // What comes out of nonsense does not matter; that something comes out does.
        let n_errors = [
            ListReply::parse(&xml).is_err(),
            VersionsReply::parse(&xml).is_err(),
            DeleteReply::parse(&xml).is_err(),
            PartsReply::parse(&xml).is_err(),
            parse_create_multipart(&xml).is_err(),
            parse_new_object(&xml).is_err(),
            parse_versioning(&xml).is_err(),
            ErrorReply::parse(&xml).is_none(),
        ];
        prop_assert!(n_errors.contains(&true), "no reply is of all kinds");
    }

    #[test]
    fn any_key_of_a_listing_is_read_as_it_was_written(key in "[^\\p{Cc}\u{fffe}\u{ffff}]{1,12}", size in any::<u64>()) {
        let mut escaped = String::new();
        escape_into(&mut escaped, &key);
        let xml = format!(
            "<ListBucketResult><Contents><Key>{escaped}</Key><Size>{size}</Size></Contents>\
             <IsTruncated>false</IsTruncated></ListBucketResult>"
        );
        let reply = ListReply::parse(xml.as_bytes()).unwrap();
        prop_assert_eq!(reply.objects.len(), 1);
        prop_assert_eq!((&reply.objects[0].key, reply.objects[0].size_bytes), (&key, size));
    }

    #[test]
    fn a_cut_listing_is_an_error(cut in 0.0..1.0_f64) {
        let xml = "<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents><IsTruncated>false</IsTruncated>\
                   </ListBucketResult>";
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in it")]
        let end = (xml.len() as f64 * cut) as usize;
        prop_assert!(ListReply::parse(&xml.as_bytes()[..end]).is_err());
    }
}
