DROP TABLE collection_attachment;
